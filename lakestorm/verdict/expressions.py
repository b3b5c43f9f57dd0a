"""The language of thresholds: text in, a tree out. Read by hand; nothing of it is ever run as Python.

    threshold  = { prefix ":" } comparison          prefix: `abort`, `if any`
    comparison = sum ( "<" | "<=" | ">" | ">=" | "==" | "!=" ) sum
    sum        = product { ( "+" | "-" ) product }
    product    = factor { ( "*" | "/" ) factor }
    factor     = { "-" } ( number | name | "(" sum ")" )
    name       = word { "." ( word | "'" any text "'" ) }

Which names there are is not the language's business: see `vocabulary`.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import re
from typing import TYPE_CHECKING, TypeAlias

from lakestorm.errors import ThresholdsError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LENGTH_MAX = 400
"""Characters of one expression; it also bounds how deep a tree can be."""
DEPTH_MAX = 40
"""Parentheses and signs inside each other."""
COMPARES = ("<", "<=", ">", ">=", "==", "!=")
ABORT = "abort"
IF_ANY = "if any"
TOKEN = re.compile(
    r"""(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)
      | (?P<name>[A-Za-z_][A-Za-z0-9_]*(?:\.(?:[A-Za-z0-9_]+|'[^'\n]+'))*)
      | (?P<sign><=|>=|==|!=|[-+*/<>():])
      | (?P<space>[ \t\r\n]+)
      | (?P<strange>.)""",
    re.VERBOSE | re.DOTALL,
)
HINTS = {
    "=": "Equality is ==.",
    "!": "Inequality is !=.",
    "%": "1 % is written 0.01.",
    "&": "Write two expressions.",
    "|": "There is no “or”.",
    "≤": "Write <=.",
    "≥": "Write >=.",
    "×": "Write *.",
    ",": "A number has a point and no thousands.",
    "^": "There are no powers.",
}
"""What helps whoever wrote a character that the language has not."""


@dataclasses.dataclass(frozen=True, slots=True)
class Number:
    """A number as it stands in the text."""

    value: float


@dataclasses.dataclass(frozen=True, slots=True)
class Name:
    """A number of the run, by its name; `place` counts characters of the text from 1."""

    path: str
    place: int = dataclasses.field(default=0, compare=False)


@dataclasses.dataclass(frozen=True, slots=True)
class Negative:
    """A number with its sign changed."""

    of: Node


@dataclasses.dataclass(frozen=True, slots=True)
class Operation:
    """Two numbers and one of + - * /."""

    sign: str
    left: Node
    right: Node


Node: TypeAlias = Number | Name | Negative | Operation


@dataclasses.dataclass(frozen=True, slots=True)
class Comparison:
    """Two numbers and one of COMPARES."""

    sign: str
    left: Node
    right: Node


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Expression:
    """One threshold.

    Attributes:
        comparison: what must hold.
        abort: where it does not hold while the run goes on, the run is stopped.
        if_any: without a sample it is not applicable, instead of unknown.
    """

    comparison: Comparison
    abort: bool = False
    if_any: bool = False

    @property
    def names(self) -> list[Name]:
        """Every name in it, from left to right."""
        return [*names_of(self.comparison.left), *names_of(self.comparison.right)]

    def __str__(self) -> str:
        prefixes = f"{ABORT}: " * self.abort + f"{IF_ANY}: " * self.if_any
        c = self.comparison
        return f"{prefixes}{text_of(c.left)} {c.sign} {text_of(c.right)}"


@dataclasses.dataclass(frozen=True, slots=True)
class Token:
    """A piece of the text: its kind (`number`, `name`, `sign`, `end`), itself, and its place, counted from 1."""

    kind: str
    text: str
    place: int


def expression_from_text(text: str) -> Expression:
    """The threshold that the text says.

    Raises:
        ThresholdsError: it says none; one sentence with the place and, where there is one, a way out.
    """
    if len(text) > LENGTH_MAX:
        raise ThresholdsError([f"{len(text)} characters are too many: an expression has at most {LENGTH_MAX}."])
    return Parser(list(tokens(text))).threshold()


def refused(token: Token, wanted: str) -> ThresholdsError:
    """The error of a token that should not stand where it does."""
    if token.kind == "end":
        return ThresholdsError([f"at its end: {wanted}."])
    return ThresholdsError([f"character {token.place}, at “{token.text}”: {wanted}."])


def tokens(text: str) -> Iterator[Token]:
    """Pieces of the text without its spaces, then one of kind `end`; raises ThresholdsError on other characters."""
    for match in TOKEN.finditer(text):
        kind = str(match.lastgroup)
        token = Token(kind, match.group(), match.start() + 1)
        if kind == "strange":
            hint = HINTS.get(token.text, "Names, numbers, + - * / ( ) and one comparison make an expression.")
            raise refused(token, f"this character means nothing here. {hint}".removesuffix("."))
        if kind != "space":
            yield token
    yield Token("end", "", len(text) + 1)


class Parser:
    """Recursive descent, one method a rule of the grammar above."""

    def __init__(self, pieces: list[Token]) -> None:
        self._pieces = pieces
        self._at = 0
        self._depth = 0

    def threshold(self) -> Expression:
        """The whole text."""
        prefixes = list(self._prefixes())
        expression = Expression(comparison=self._comparison(), abort=ABORT in prefixes, if_any=IF_ANY in prefixes)
        if not expression.names:
            raise ThresholdsError(["it names no number of the run, so it would hold always or never."])
        return expression

    def _prefixes(self) -> Iterator[str]:
        """Words that end in a colon."""
        seen: set[str] = set()
        while colon := self._colon():
            words = self._pieces[self._at : colon]
            prefix = " ".join(word.text for word in words)
            if prefix not in (ABORT, IF_ANY) or prefix in seen:
                raise refused(words[0], prefix_fault(prefix, seen))
            seen.add(prefix)
            self._at = colon + 1
            yield prefix

    def _colon(self) -> int:
        """Where a colon ends the words that come next; 0 if none does."""
        at = self._at
        while self._pieces[at].kind == "name":
            at += 1
        return at if at > self._at and self._pieces[at].text == ":" else 0

    def _comparison(self) -> Comparison:
        left = self._sum()
        sign = self._next
        if sign.text not in COMPARES:
            raise refused(sign, f"a comparison is wanted here, one of {' '.join(COMPARES)}")
        self._at += 1
        right = self._sum()
        if self._next.text in COMPARES:
            raise refused(self._next, "one comparison is allowed; write two expressions")
        if self._next.kind != "end":
            hint = "; numbers have no units, and two conditions are two expressions" * (self._next.kind == "name")
            raise refused(self._next, f"an operator or the end is wanted here{hint}")
        return Comparison(sign.text, left, right)

    def _sum(self) -> Node:
        node = self._product()
        while sign := self._accept("+", "-"):
            node = Operation(sign, node, self._product())
        return node

    def _product(self) -> Node:
        node = self._factor()
        while sign := self._accept("*", "/"):
            node = Operation(sign, node, self._factor())
        return node

    def _factor(self) -> Node:
        self._depth += 1
        if self._depth > DEPTH_MAX:
            raise refused(self._next, f"more than {DEPTH_MAX} parentheses and signs inside each other")
        node: Node = Negative(self._factor()) if self._accept("-") else self._atom()
        self._depth -= 1
        return node

    def _atom(self) -> Node:
        if self._accept("("):
            node = self._sum()
            if not self._accept(")"):
                raise refused(self._next, "a closing parenthesis or an operator is wanted here")
            return node
        token = self._next
        self._at += 1
        if token.kind == "name":
            return Name(token.text, token.place)
        if token.kind != "number":
            raise refused(token, "a number, a name or an opening parenthesis is wanted here")
        if not math.isfinite(float(token.text)):
            raise refused(token, "this number is too large")
        return Number(float(token.text))

    @property
    def _next(self) -> Token:
        return self._pieces[self._at]

    def _accept(self, *signs: str) -> str:
        """Step over one of these signs and return it; empty if something else comes."""
        token = self._next
        if token.kind != "sign" or token.text not in signs:
            return ""
        self._at += 1
        return token.text


def prefix_fault(prefix: str, seen: set[str]) -> str:
    """What is wrong with a prefix."""
    if prefix in seen:
        return f"“{prefix}:” stands here twice"
    near = difflib.get_close_matches(prefix, (ABORT, IF_ANY), 1)
    meant = f"did you mean “{near[0]}:”" if near else f"there are “{ABORT}:” and “{IF_ANY}:”"
    return f"“{prefix}:” is no prefix; {meant}"


def names_of(node: Node) -> Iterator[Name]:
    """Every name in a tree, from left to right."""
    match node:
        case Name():
            yield node
        case Negative(of):
            yield from names_of(of)
        case Operation(_, left, right):
            yield from names_of(left)
            yield from names_of(right)


LEVELS: Mapping[str, int] = {"+": 1, "-": 1, "*": 2, "/": 2}


def text_of(node: Node, level: int = 0) -> str:
    """A tree as text that reads back as the same tree, with no more parentheses than it needs."""
    match node:
        case Number(value):
            return repr(value).removesuffix(".0")
        case Name(path):
            return path
        case Negative(of):
            return f"-{text_of(of, 3)}"
        case Operation(sign, left, right):
            own = LEVELS[sign]
            text = f"{text_of(left, own)} {sign} {text_of(right, own + 1)}"
            return f"({text})" if own < level else text
