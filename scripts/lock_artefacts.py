#!/usr/bin/env python3
"""`python scripts/lock_artefacts.py`: writes lakestorm/sandbox/artefacts.lock.toml, every file of the Java services.

What is wanted stands in each service (`wanted`). Which versions go together is for Maven to say, as it is what the
services' authors tested with; so this, and only this, needs `mvn` on PATH. The files themselves are fetched as the
sandbox fetches them.
"""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from lakestorm.sandbox import maven, services
from lakestorm.sandbox.artefacts import LOCK_FILE, Artefact, contents_sha256, sha256, unpack
from lakestorm.sandbox.box import known
from lakestorm.sandbox.java_service import JavaService

HEAD = (
    "# Made by scripts/lock_artefacts.py, which see. Coordinates and checksums of every file that Java services run.\n"
)
POM = """<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>lakestorm</groupId><artifactId>sandbox</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>{dependencies}</dependencies>
</project>
"""
DEPENDENCY = """
    <dependency><groupId>{0.group}</groupId><artifactId>{0.name}</artifactId><version>{0.version}</version></dependency>"""


def all_of(wanted: tuple[str, ...], has_already: tuple[str, ...] = ()) -> list[Artefact]:
    """What the wanted files come to, sums not known yet: an archive brings its own jars, a jar needs others.

    Those of groups that the service has already are left out.
    """
    files = [Artefact(coordinate, bytes=0, sha256="") for coordinate in wanted]
    archives = [file for file in files if file.is_unpacked]
    jars = [file for file in files if not file.is_unpacked]
    found = coordinates_in(maven_listing(jars)) if jars else []
    needed = [Artefact(coordinate, bytes=0, sha256="") for coordinate in found]
    return archives + [file for file in needed if file.group not in has_already]


def maven_listing(jars: list[Artefact]) -> str:
    """What Maven says that a project with these jars needs; raises CalledProcessError."""
    with tempfile.TemporaryDirectory() as folder:
        pom, listing = Path(folder) / "pom.xml", Path(folder) / "listing.txt"
        pom.write_text(POM.format(dependencies="".join(map(DEPENDENCY.format, jars))), encoding="utf-8")
        verb = ["mvn", "--batch-mode", "--quiet", "--file", str(pom), "dependency:list", "-DincludeScope=runtime"]
        subprocess.run([*verb, f"-DoutputFile={listing}"], check=True)
        return listing.read_text(encoding="utf-8")


def coordinates_in(listing: str) -> list[str]:
    """Coordinates in Maven's listing, sorted; its heading and the scopes are dropped."""
    return sorted(re.findall(r"^ +(\S+):(?:compile|runtime)\b", listing, re.MULTILINE))


def pinned(artefact: Artefact, folder: Path) -> Artefact:
    """The file with its sums; downloaded into a folder."""
    file = maven.download(artefact, maven.context(folder, lambda _: None))
    contents = ""
    if artefact.is_unpacked:
        unpack(file, folder / "unpacked")
        contents = contents_sha256(folder / "unpacked")
    return Artefact(artefact.coordinate, file.stat().st_size, sha256(file), contents)


def table(name: str, service: type[JavaService]) -> str:
    """A service's part of the lock file."""
    with tempfile.TemporaryDirectory() as folder:
        rows = [row(pinned(artefact, Path(folder))) for artefact in all_of(service.wanted, service.has_already)]
    return f"\n{name} = [\n{''.join(rows)}]\n"


def row(artefact: Artefact) -> str:
    """A file as a row of the lock file."""
    contents = f', contents_sha256 = "{artefact.contents_sha256}"' if artefact.is_unpacked else ""
    coordinate = f'coordinate = "{artefact.coordinate}", bytes = {artefact.bytes}'
    return f'  {{ {coordinate}, sha256 = "{artefact.sha256}"{contents} }},\n'


def main() -> int:
    """Write the lock file, when all of it is known."""
    found = {name: importlib.import_module(f"{services.__name__}.{name}").SERVICE for name in known()}
    tables = [table(name, of) for name, of in found.items() if issubclass(of, JavaService)]
    LOCK_FILE.write_text(HEAD + "".join(tables), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
