"""Where the programs of the package are: ``backup-server``, ``backup-client``, ``backup-interop``."""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from pathlib import Path

from backup_protocol.errors import ProgramNotFoundError

ENVIRONMENT = "BACKUP_PROTOCOL_BIN"


def program(name: str) -> Path:
    """The path of a program: in ``$BACKUP_PROTOCOL_BIN``, beside this Python, or on the ``PATH``.

    A wheel puts the three programs where ``pip`` puts scripts; a build from source has none.

    Raises ``ProgramNotFoundError``.
    """
    told = os.environ.get(ENVIRONMENT)
    folders = [told] if told else [sysconfig.get_path("scripts"), str(Path(sys.executable).parent)]
    for folder in folders:
        found = shutil.which(name, path=folder)
        if found:
            return Path(found)
    found = None if told else shutil.which(name)
    if found is None:
        places = told or "beside this Python and on the PATH"
        raise ProgramNotFoundError(
            f"{name} was not found ({places}): install a wheel of backup-protocol, or build the programs and set "
            f"{ENVIRONMENT} to their folder"
        )
    return Path(found)
