"""Who may read the public topics: readers of other teams, where the broker asks who they are.

Read `readers`; `requests` has what it asks of the broker that aiokafka's own admin client can't.
"""

from infra.access.readers import Quota, ReaderError, grant, revoke

__all__ = ["Quota", "ReaderError", "grant", "revoke"]
