"""Where things are in the repository."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "pybindings"
SCRIPTS = ROOT / "scripts"
VECTORS = ROOT / "vectors"
REFERENCE_SERVER = ROOT / "interop" / "reference" / "python-server"
PEER = ROOT / "interop" / "peers" / "python_client.py"
