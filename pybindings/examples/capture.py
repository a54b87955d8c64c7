"""Look at a capture: what one side of a connection sent, as raw bytes (Wireshark: Follow, Raw, Save as).

python capture.py client client.bin
python capture.py server server.bin readme
"""

from __future__ import annotations

import sys
from pathlib import Path

import backup_protocol as bp
from backup_protocol.proxy import Connection


def explain(sender: str, stream: bytes, dialect: str = "seed") -> str:
    """Every message of a stream, field by field, up to the first that is none."""
    connection = Connection(bp.Dialect(dialect))
    (connection.sent if sender == "client" else connection.received).extend(stream)
    return str(connection)


if __name__ == "__main__":
    print(explain(sys.argv[1], Path(sys.argv[2]).read_bytes(), *sys.argv[3:4]), end="")
