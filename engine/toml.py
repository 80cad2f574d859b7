"""Reads the TOML files that people write: a study, a taxonomy, their settings."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from engine.errors import BadInput
from engine.files import refuse_special

MOST_BYTES = 4 << 20


def read(path: Path, what: str) -> dict[str, Any]:
    """The content of the file at `path`, which is `what`, such as "study file".

    Raises BadInput, one line, for whatever is no such file.
    """
    refuse_special(path)
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        raise BadInput(f"{path}: {what} not found") from None
    except IsADirectoryError:
        raise BadInput(f"{path} is a folder; name the {what} in it") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "that is no file name"
        raise BadInput(f"{path} cannot be read: {reason}") from None
    if len(content) > MOST_BYTES:
        raise BadInput(f"{path} is larger than {MOST_BYTES >> 20} MiB: that is no {what}")
    return _parsed(path, content)


def _parsed(path: Path, content: bytes) -> dict[str, Any]:
    try:
        return tomllib.loads(content.decode("utf-8"))
    except UnicodeDecodeError as error:
        place = f"byte {error.start + 1} is no UTF-8: save the file as UTF-8"
        raise BadInput(f"{path}: not valid TOML: {place}") from None
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"{path}: not valid TOML: {error}") from None
    except RecursionError:
        raise BadInput(f"{path}: not valid TOML: nested too deeply") from None
    except ValueError:  # the parser's own, of values that are well written
        raise BadInput(f"{path}: not valid TOML: a number or a date is out of range") from None
