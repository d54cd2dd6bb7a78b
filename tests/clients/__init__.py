"""Clients as their users have them, on a running exchange: unmodified, with only the URL changed.

ccxt, sync and async; python-binance; binance-sdk-spot, the official one. binance-connector, its
deprecated forerunner, installs itself over python-binance, so the two can't be had together.
"""
