"""JTL samples: the XML results of JMeter read as a stream, leaf samples only, whatever the size of the file."""

from __future__ import annotations

import codecs
import gzip
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from xml.parsers import expat

from erp_telemetry.errors import SourceError
from erp_telemetry.redactions import excerpt
from erp_telemetry.slices import Reject
from erp_telemetry.sources.files import unpacked

Sample = dict[str, str | None]

_SAMPLES = ("httpSample", "sample", "sampleResult")
# the short names of version 2.1 and the long ones of 2.0, as the CSV calls them
_NAMES: Mapping[str, str] = MappingProxyType({
    "ts": "timeStamp", "t": "elapsed", "time": "elapsed", "lb": "label", "rc": "responseCode", "rs": "responseCode",
    "rm": "responseMessage", "tn": "threadName", "s": "success", "by": "bytes", "lt": "Latency", "sc": "SampleCount"})
_DEEPEST = 100
_LONGEST_URL = 8192


def samples(path: Path, rejects: list[Reject]) -> Iterator[tuple[int, Sample]]:
    """Each sample that holds no other, with the line it begins on, its values by the names of the CSV.

    A file that breaks off gives its samples so far and one reject. ``SourceError`` where it declares a
    document type: JMeter writes none, and entities are how a small file grows without end.
    """
    reading = _Reading(path, rejects)
    with unpacked(path) as stream:
        try:
            while chunk := stream.read(1 << 16):
                yield from reading.feed(chunk)
            yield from reading.feed(b"", is_last=True)
        except (EOFError, gzip.BadGzipFile, zlib.error, expat.ExpatError) as error:
            yield from reading.taken()
            if not reading.count:
                raise SourceError(f"{path}: not JMeter's XML: {error}") from error
            rejects.append(Reject(str(path), reading.parser.CurrentLineNumber, f"the file breaks off: {error}", ""))


@dataclass(slots=True)
class _Open:
    """A sample whose end has not been read."""

    line: int
    values: Sample
    is_leaf: bool = True


@dataclass(slots=True)
class _Reading:
    """The state of one pass over a file."""

    path: Path
    rejects: list[Reject]
    count: int = 0
    depth: int = 0
    address: str | None = None
    open: list[_Open] = field(default_factory=list)
    done: list[tuple[int, Sample]] = field(default_factory=list)
    parser: expat.XMLParserType = field(init=False)
    decoder: codecs.IncrementalDecoder = field(init=False)

    def __post_init__(self) -> None:
        # text, not bytes: a bad byte becomes U+FFFD as in every other file, and no encoding is taken on trust
        self.decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
        self.parser = expat.ParserCreate()
        self.parser.StartDoctypeDeclHandler = self._refuse
        self.parser.StartElementHandler = self._begin
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text

    def feed(self, chunk: bytes, is_last: bool = False) -> Iterator[tuple[int, Sample]]:
        """The samples that end within this piece of the file."""
        self.parser.Parse(self.decoder.decode(chunk, is_last), is_last)
        yield from self.taken()

    def taken(self) -> list[tuple[int, Sample]]:
        """What has ended since it was last asked."""
        found, self.done = self.done, []
        return found

    def _refuse(self, *_: object) -> None:
        raise SourceError(f"{self.path}: declares a document type, which JMeter never writes; it is not read")

    def _begin(self, tag: str, given: dict[str, str]) -> None:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise SourceError(f"{self.path}: nested deeper than {_DEEPEST} elements")
        if tag in _SAMPLES:
            if self.open:
                self.open[-1].is_leaf = False
            values: Sample = {_NAMES.get(name, name): value for name, value in given.items()}
            self.open.append(_Open(self.parser.CurrentLineNumber, values))
        elif tag == "java.net.URL" and self.open:
            self.address = ""

    def _end(self, tag: str) -> None:
        self.depth -= 1
        if tag in _SAMPLES and self.open:
            ended = self.open.pop()
            if ended.is_leaf:
                self.count += 1
                self.done.append((ended.line, ended.values))
        elif tag == "java.net.URL" and self.address is not None:
            self.open[-1].values["URL"] = self.address.strip()
            self.address = None

    def _text(self, text: str) -> None:
        if self.address is not None:
            self.address = (self.address + text)[:_LONGEST_URL]
        elif self.depth == 1 and text.strip():
            self.rejects.append(Reject(
                str(self.path), self.parser.CurrentLineNumber, "text between samples", excerpt(text.strip())))
