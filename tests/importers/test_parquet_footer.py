import contextlib
import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tf_slr.core.errors import DataError
from tf_slr.importers.parquet_footer import MAX_FOOTER_BYTES, Chunk, read_footer

pa = pytest.importorskip("pyarrow")
import pyarrow.parquet as pq  # noqa: E402

PATH = Path("file.parquet")


def footer_of(content):
    stream = io.BytesIO(content)
    footer = read_footer(stream, PATH)
    assert stream.tell() == 0
    return footer


def with_footer(footer):
    """A file of nothing but a footer."""
    return b"PAR1" + footer + len(footer).to_bytes(4, "little") + b"PAR1"


TABLE = {
    "numbers": np.arange(1000.0), "flags": [True, False] * 500, "words": [f"word {i}" for i in range(1000)],
    "nested": [{"a": 1, "b": [1, 2]}] * 1000, "nothing": [None] * 1000, "bytes": [b"\xff\0"] * 1000,
}  # fmt: skip


@settings(max_examples=25)
@given(
    st.sampled_from(["none", "snappy", "gzip", "zstd", "brotli", "lz4"]), st.integers(4, 1000), st.booleans(),
    st.sampled_from(["1.0", "2.0"]), st.booleans(), st.integers(0, 40),
)  # fmt: skip
def test_it_says_what_pyarrow_says(codec, rows, dictionary, page_version, index, more):
    buffer = io.BytesIO()
    table = pa.table(TABLE | {f"column {i}": np.zeros(1000, np.float32) for i in range(more)})
    table = table.replace_schema_metadata({"note": "x" * 5000})
    pq.write_table(
        table, buffer, compression=codec, row_group_size=rows, use_dictionary=dictionary,
        data_page_version=page_version, write_page_index=index, write_page_checksum=index,
    )  # fmt: skip
    footer = footer_of(buffer.getvalue())
    meta = pq.ParquetFile(buffer).metadata
    assert (footer.rows, len(footer.groups)) == (1000, meta.num_row_groups)
    for number, group in enumerate(footer.groups):
        theirs = meta.row_group(number)
        columns = [theirs.column(column) for column in range(meta.num_columns)]
        assert group.rows == theirs.num_rows
        assert [(chunk.column, chunk.uncompressed, chunk.compressed) for chunk in group.chunks] == [
            (column.path_in_schema, column.total_uncompressed_size, column.total_compressed_size) for column in columns
        ]
        assert {chunk.codec.replace("LZ4_RAW", "LZ4") for chunk in group.chunks} == {columns[0].compression}


def test_the_smallest_footer_is_read():
    # rows = 3; one group: one column "x" (SNAPPY, 10 of 12 bytes), 3 rows.
    chunk = b"\x3c" + b"\x39\x18\x01x" + b"\x15\x02" + b"\x26\x14" + b"\x16\x18" + b"\0" + b"\0"
    footer = footer_of(with_footer(b"\x36\x06" + b"\x19\x1c" + b"\x19\x1c" + chunk + b"\x26\x06\0" + b"\0"))
    assert footer == (3, [(3, [Chunk("x", "SNAPPY", 10, 12)])])


@pytest.mark.parametrize(
    "footer",
    [
        b"", b"\0", b"\x36\x06\0", b"\x36", b"\x36" + b"\xff" * 12, b"\x36\x05\x19\x0c\0", b"\x38\x01x\x19\x0c\0",
        b"\x1b\x10", b"\x1e\0", b"\x19\xfc\xff\xff\xff\xff\x7f", b"\x19\xf1\xff\xff\xff\xff\xff\xff\x7f",
    ],
)  # fmt: skip
def test_damaged_footers_are_refused(footer):
    with pytest.raises(DataError, match=r"file\.parquet: is no readable Parquet file \(damaged footer\)"):
        footer_of(with_footer(footer))


FILLINGS = [b"\x1c", b"\x19\x19", b"\x19\xf9\xff\x7f", b"\x19\x1c", b"\x18\x7f", b"\xff", b"\x1a\xf1"]


@pytest.mark.parametrize("filling", FILLINGS)
def test_footers_made_to_be_deep_or_endless_are_refused(filling):
    footer = (filling * MAX_FOOTER_BYTES)[:MAX_FOOTER_BYTES]
    with pytest.raises(DataError, match="damaged footer"):
        footer_of(with_footer(footer))


@given(st.binary(max_size=200))
def test_any_bytes_are_a_footer_or_a_data_error(footer):
    for content in (footer, with_footer(footer)):
        with contextlib.suppress(DataError):
            footer_of(content)
