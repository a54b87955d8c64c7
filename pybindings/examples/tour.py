# %% [markdown]
# # A tour of `backup_protocol`
#
# The examples of [pybindings/examples](../pybindings/examples) one after the other, with what they print. The cells are
# those of [tour.py](../pybindings/examples/tour.py), which editors open as a notebook; `make docs-python` runs them and
# writes this page, and a test fails when it is not what they print any more.
#
# ## Messages
#
# A message is a value. `encode` makes its bytes, and `explain` says what bytes mean: here those of an answer of which
# the last byte has not come.

# %%
import backup_protocol as bp

client_id = bp.ClientId(bytes(range(16)))
answer = bp.FileReceived(client_id, 32, "report.txt", bp.cksum(b"123456789"))
print(answer)
print(bp.explain(answer.encode()[:-1]))

# %% [markdown]
# A `DecodeError` has the reason in words, and for a test its name, the field and the two numbers that differ.

# %%
try:
    bp.Response.decode(answer.encode()[:-1])
except bp.DecodeError as error:
    print(error)
    print(error.slug, error.field, error.expected, error.got)

# %% [markdown]
# ## A server in 60 lines
#
# `RequestDecoder` takes bytes as they come from a socket and gives requests, and the content of files in between. The
# rest of a server is a `match`:

# %% [include] small_server.py

# %% [markdown]
# ## Test your server
#
# The client of the package is a real one: it registers, exchanges keys, sends a file, and judges the answer. With
# `wrong_verdicts` it says that a cksum is wrong, which a server has to live with. The same as tests is in
# [test_small_server.py](../pybindings/examples/test_small_server.py), for a server that is a process.

# %%
import socket
import threading

from small_server import SmallServer

server = SmallServer()
listener = socket.create_server(("127.0.0.1", 0))
threading.Thread(target=server.serve, args=[listener], daemon=True).start()
address = "{}:{}".format(*listener.getsockname())

with bp.Client(address, "alice", "alice-identity", dialect="seed", wrong_verdicts=2) as client:
    print(client.send(b"123456789", send_as="report.txt"))
with bp.Client(address, "alice", "another-identity", dialect="seed") as client:
    try:
        client.register()
    except bp.RefusedError as error:
        print(str(error).replace(address, "the server"))

# %% [markdown]
# Whatever stands above holds for one way to cut the stream into reads. hypothesis tries others, and the strategies of
# the package make messages for it: see [test_properties.py](../pybindings/examples/test_properties.py).

# %%
from test_properties import test_a_cut_changes_nothing

test_a_cut_changes_nothing()
print("the answers are the same, however the requests are cut")

# %% [markdown]
# ## Test your client
#
# A client of your own is a process; here it is the command of the package. `Server` is the Rust server inside this
# process, `RecordingProxy` keeps every byte that passes. As tests:
# [test_your_client.py](../pybindings/examples/test_your_client.py).

# %%
import subprocess
import sys
from pathlib import Path

CLIENT = [str(bp.program("backup-client"))]
Path("hello.txt").write_bytes(b"hello")

with bp.Server() as backup_server, bp.RecordingProxy(backup_server.address) as proxy:
    Path("transfer.info").write_text(f"{proxy.address}\nalice\nhello.txt\n")
    print(subprocess.run(CLIENT, check=True, capture_output=True, text=True).stdout, end="")
    print(backup_server.wait_for("verified").file_name, [file.read_bytes() for file in backup_server.files])

(connection,) = proxy.connections
for request in connection.requests:
    print(type(request).__name__)

# %% [markdown]
# A server that is wrong in one thing shows whether the client notices. This one wraps the AES key with another
# hash.

# %%
with bp.ScriptedServer("oaep-sha256") as wrong:
    Path("transfer.info").write_text(f"{wrong.address}\nalice\nhello.txt\n")
    Path("me.info").unlink()
    ended = subprocess.run(CLIENT, check=False, capture_output=True, text=True)
    print("exit code", ended.returncode)
    print(ended.stderr.replace(wrong.address, "the server"), end="")

# %% [markdown]
# ## Look at a capture
#
# What one side of a connection sent, as Wireshark saves it:
# [capture.py](../pybindings/examples/capture.py) `client client.bin`.

# %%
from capture import explain

stream = bp.Register("alice").encode() + bp.CksumRight(client_id, "report.txt").encode()[:100]
print(explain("client", stream))

# %% [markdown]
# ## With pytest
#
# The plugin [`pytest-backup-protocol`](../pybindings/pytest-plugin/README.md) has servers, clients, proxies and
# scripted peers as fixtures, and the conformance run of a program as tests. All examples are tests of this repository.

# %%
EXAMPLES = Path(bp.__file__).parents[2] / "examples"
pytest = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
ran = subprocess.run([*pytest, "test_your_client.py"], cwd=EXAMPLES, check=False, capture_output=True, text=True)
print(ran.stdout.split(" in ")[0])
