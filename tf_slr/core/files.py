"""Reading and writing files so that a crash or a damaged file never costs data."""

import codecs
import contextlib
import errno
import hashlib
import io
import json
import os
import re
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from tf_slr.core.errors import DataError

try:
    import fcntl
except ImportError:  # Windows, where an open file cannot be removed anyway
    fcntl = None

# One hour of landmarks at 30 fps is 120 MB in float32; anything above this in
# one array file is a damaged header or an attack, not a clip.
MAX_ARRAY_BYTES = 512 * 2**20


@contextlib.contextmanager
def atomic_path(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it replaces `path` atomically.

    The content is flushed to disk before the rename, so that after a crash
    the file is either the old or the new one. On an exception the temporary
    file is removed and `path` stays as it was, and an OSError that names no
    file names `path`; what a killed process leaves, the next writer of `path`
    takes over and `sweep` removes.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = _locked_temporary(path)
    try:
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        # mkstemp makes files that only the owner reads; ours are ordinary files.
        temporary.chmod(0o666 & ~_umask())
        if record := _announced.get(os.path.abspath(path)):
            record(temporary)
        os.replace(temporary, path)
    except BaseException as error:
        # Before the lock is gone: afterwards the name may be another writer's.
        temporary.unlink(missing_ok=True)
        # None as of a full disk; the temporary file's as where a folder stands at `path`.
        if isinstance(error, OSError) and error.errno and error.filename in (None, str(temporary), temporary):
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise
    finally:
        os.close(handle)


# Path of a command's result -> what records the finished content before it takes its place (tf_slr/core/outputs.py).
_announced: dict[str, Callable[[Path], None]] = {}


def announce(path: Path | str, record: Callable[[Path], None]) -> None:
    """Have what is written to `path` recorded: `record` is called with the finished temporary file."""
    _announced[os.path.abspath(path)] = record


def sweep(folder: Path | str) -> None:
    """Remove the temporary files that killed processes left in a folder and below; those in use are kept."""
    if fcntl is None:
        return
    for temporary in Path(folder).rglob(f"{_PREFIX}*"):
        if not _OURS.fullmatch(temporary.name):
            continue
        with contextlib.suppress(OSError), temporary.open("rb") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)  # fails while its writer lives
            if _stands_at(stream.fileno(), temporary):
                temporary.unlink()


_PREFIX = ".tmp-"
# Nobody else gives such names, the second of which are Python's: in a folder of the user's nothing else is removed.
_OURS = re.compile(r"\.tmp-([0-9a-f]{16}|tf_slr-[a-z0-9_]{8})(\..*)?", re.DOTALL)
# What file systems without locks say, such as Lustre mounted without them.
NO_LOCKS = (errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK)


def _locked_temporary(path: Path) -> tuple[int, Path]:
    """An empty file beside `path`, locked as long as the handle is open.

    Its name is that of `path` in other letters, so that of killed writers at most one file is left; only while
    another writer of `path` is at work it is a name of chance.
    """
    digest = hashlib.blake2b(os.fsencode(path.name), digest_size=8).hexdigest()
    own = path.with_name(f"{_PREFIX}{digest}{path.suffix}")
    while fcntl is not None:
        made = not own.exists()
        try:
            handle = os.open(own, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | (os.O_EXCL if made else 0), 0o600)
        except FileExistsError:  # another writer came between the two lines above
            continue
        except OSError:  # not ours to write; or there is no room or no right, which is said below
            break
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if made and error.errno in NO_LOCKS:  # else it may be in use, by one who has a lock
                own.unlink(missing_ok=True)
            os.close(handle)
            break
        if _stands_at(handle, own):
            os.ftruncate(handle, 0)
            return handle, own
        os.close(handle)  # its writer was done, or a sweep came, between the two lines above
    while True:
        # The suffix is kept, because writers such as OpenCV choose the format by it.
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f"{_PREFIX}tf_slr-", suffix=path.suffix)
        if fcntl is None:
            return handle, Path(name)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
        except OSError as error:
            if error.errno not in NO_LOCKS:
                raise
            return handle, Path(name)  # what a killed process leaves here has to be removed by hand
        if _stands_at(handle, name):  # else a sweep came between the two lines above
            return handle, Path(name)
        os.close(handle)


def _stands_at(handle: int, path: Path | str) -> bool:
    """Whether an open file is the one at a path."""
    try:
        return os.path.samestat(os.fstat(handle), os.stat(path))
    except FileNotFoundError:
        return False


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_bytes(path: Path | str, content: bytes) -> None:
    """Write `content` to `path` atomically."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path | str, content: str) -> None:
    """Write UTF-8 text to `path` atomically.

    Raises:
        DataError: it holds what is no text, such as a file's name in another encoding.
    """
    write_bytes(path, require_text(content, str(path)).encode())


def require_text(content: str, place: str) -> str:
    """The same text, which UTF-8 has letters for.

    Raises:
        DataError: it is none, such as a file's name in another encoding; `place` is named.
    """
    try:
        content.encode()
    except UnicodeEncodeError as error:
        near = content[max(0, error.start - 40) : error.end + 20]
        raise DataError(f"{place}: expected UTF-8 text, found {near!r}; rename the file or folder") from error
    return content


def write_json(path: Path | str, content: object) -> None:
    """Write `content` as indented JSON to `path` atomically; NaN is refused."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_bytes(path: Path | str) -> bytes:
    """Read a whole file.

    Raises:
        DataError: it cannot be read.
    """
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error


def read_text(path: Path | str) -> str:
    """Read UTF-8 text.

    Raises:
        DataError: the file cannot be read or is not UTF-8.
    """
    return decoded(read_bytes(path), str(path))


def decoded(content: bytes, place: str) -> str:
    """UTF-8 text of bytes.

    Raises:
        DataError: they are none; `place` is named, and what to do.
    """
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        kind = " but UTF-16" if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else ""
        raise DataError(f"{place}: is not UTF-8 text{kind} (byte {error.start}); {SAVE_AS_UTF8}") from error


SAVE_AS_UTF8 = "save it as UTF-8 (in a spreadsheet: 'CSV UTF-8')"


def read_json(path: Path | str) -> dict:
    """Read a JSON object.

    Raises:
        DataError: the file cannot be read or does not hold a JSON object.
    """
    try:
        content = json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: is not valid JSON ({error})") from error
    if not isinstance(content, dict):
        raise DataError(f"{path}: expected a JSON object, found {type(content).__name__}")
    return content


def write_npz(path: Path | str, arrays: dict[str, np.ndarray], compress: bool = True) -> None:
    """Write arrays to `path` as .npz, atomically and reproducibly.

    The same arrays give the same bytes: `np.savez` would store the time.
    """
    with atomic_path(path) as temporary, zipfile.ZipFile(temporary, "w", compresslevel=1) as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, np.asarray(array, order="C"), allow_pickle=False)
            info = zipfile.ZipInfo(f"{name}.npy")
            info.compress_type = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
            archive.writestr(info, member.getvalue())


def read_npz(path: Path | str, limit: int = MAX_ARRAY_BYTES) -> dict[str, np.ndarray]:
    """Read every array of a .npz file, refusing object arrays and zip bombs.

    Args:
        path: the file.
        limit: the most bytes all members together may declare.

    Raises:
        DataError: the file is missing, is no .npz, is damaged, or declares
            more than `limit` bytes.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            declared = sum(member.file_size for member in members)
            if declared > limit:
                raise DataError(f"{path}: declares {declared} bytes, more than the {limit} allowed")
            return {member.filename.removesuffix(".npy"): _read_member(archive, member) for member in members}
    except DataError:
        raise
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error
    except _NPZ_FAULTS as error:
        raise DataError(f"{path}: is not a readable .npz file ({error})") from error


# What zipfile, zlib and numpy's header parser raise on damaged bytes.
_NPZ_FAULTS = (
    zipfile.BadZipFile, zlib.error, struct.error, ValueError, KeyError, EOFError, TypeError,
    NotImplementedError, RuntimeError, SyntaxError, MemoryError, OverflowError, IndexError, RecursionError,
)  # fmt: skip


# The header that numpy writes before a plain array, in format 1.0.
_PLAIN_HEADER = re.compile(
    rb"\x93NUMPY\x01\x00(..)\{'descr': '([<>|]?[biufU]\d+)', 'fortran_order': False, "
    rb"'shape': \(((?:\d+,|\d+(?:, \d+)+)?)\), \} *\n",
    re.DOTALL,
)


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    with archive.open(member) as stream:
        content = stream.read(member.file_size + 1)
    # numpy parses the header as Python, and CPython before 3.11.8 fails at random (python/cpython#106905, a
    # SystemError) where two threads parse at once, such as one that reads clips and one in which TensorFlow traces.
    if (plain := _PLAIN_HEADER.match(content)) and plain.end() == 10 + int.from_bytes(plain[1], "little"):
        dtype, shape = (
            np.dtype(plain[2].decode()),
            tuple(map(int, plain[3].rstrip(b",").split(b","))) if plain[3] else (),
        )
        return np.frombuffer(content, dtype, offset=plain.end()).reshape(shape).copy()
    return _read_array(io.BytesIO(content), member)


def _read_array(content: io.BytesIO, member: zipfile.ZipInfo) -> np.ndarray:
    """Any other array that is not made of objects."""
    version = np.lib.format.read_magic(content)
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read_header(content)
    # numpy would allocate what the header declares before it reads a byte.
    if dtype.hasobject or int(np.prod(shape, dtype=object)) * dtype.itemsize > member.file_size:
        raise ValueError(f"{member.filename}: header does not fit the content")
    content.seek(0)
    return np.lib.format.read_array(content, allow_pickle=False)


def sha256(path: Path | str) -> str:
    """The SHA-256 of a file's content, in hexadecimal.

    Raises:
        DataError: the file cannot be read.
    """
    try:
        with open(path, "rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error


def sha256_of(facts: object) -> str:
    """The SHA-256 of plain data, in hexadecimal: the order of a dict's entries does not matter, a list's does."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
