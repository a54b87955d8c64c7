"""The reference server of the backup protocol, written from PROTOCOL.md alone.

Read it in this order: `dialect`, `wire`, `crypto`, `cksum`, `paths`, `store`, `session`, `server`, `__main__`.
"""
