"""Writes the first inputs of each fuzz target from the vectors: python3 seeds.py FOLDER."""

import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
VECTORS = HERE.parent.parent / "vectors"
# As in src/lib.rs: the first byte of an input is the place of its dialect there.
DIALECTS = ["seed", "readme", "2022c", "2023a", "2023c", "2024a", "2024c"]
REQUESTS = {
    "register",
    "send_public_key",
    "reconnect",
    "send_file",
    "verdict",
    "request_header",
    "request_code",
}


def write(folder: Path, name: str, content: bytes) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)


def main(target: Path) -> None:
    count = 0
    for path in sorted((VECTORS / "v1").glob("*.json")):
        for group in json.loads(path.read_text()).get("groups", []):
            for number, dialect in enumerate(DIALECTS):
                if dialect not in group.get("dialects", []):
                    continue
                for test in group["tests"]:
                    messages = [it.get("bytes") for it in test.get("messages", [test])]
                    # Long ones are written down as patterns.
                    if not all(isinstance(message, str) for message in messages):
                        continue
                    content = bytes([number]) + b"".join(map(bytes.fromhex, messages))
                    name = f"{path.stem}-{dialect}-{test['id']}"
                    if path.stem in REQUESTS or path.stem == "packets":
                        write(target / "request_stream", name, content)
                        write(target / "server_session", name, content)
                        write(
                            target / "server_session",
                            f"auto-{name}",
                            b"\xff" + content[1:],
                        )
                    else:
                        write(target / "response_stream", name, content)
                    count += 1
    for path in sorted((VECTORS / "dialects").glob("*.json")):
        write(target / "dialect_files", path.name, path.read_bytes())
        count += 1
    write(target / "dialect_files", "choice", b"2023a,crc=zlib,pad=1024")
    count += 1
    print(f"{count} seeds")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
