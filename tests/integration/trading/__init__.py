"""What can be done with orders, markets and accounts over REST, on one exchange."""
