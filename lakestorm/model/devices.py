"""What people log in with: devices whose name, platform and user agent go together.

Forms of the user agents: Apple's and Google's browsers freeze what they tell of the system (macOS stays 10_15_7,
Windows 10.0, Android "10; K"), so only browsers' versions move.
"""

from __future__ import annotations

import dataclasses

CHROME = (126, 127, 128, 129, 130, 131)
FIREFOX = (125, 128, 129, 131, 132)
SAFARI = ("17.4.1", "17.5", "17.6", "18.0", "18.1")
WINDOWS, MACOS = "Windows NT 10.0; Win64; x64", "Macintosh; Intel Mac OS X 10_15_7"
IPHONES = ("iPhone 12", "iPhone 13", "iPhone 14", "iPhone 15", "iPhone 15 Pro", "iPhone SE")
ANDROIDS = ("Galaxy A54", "Galaxy S23", "Pixel 7", "Pixel 8", "Redmi Note 12", "Moto G84", "OPPO A78")


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Device:
    """One device as the login record tells it; each is one object, so `is` compares them."""

    device: str
    platform: str
    user_agent: str


def chrome(system: str, version: int, *, suffix: str = "", mobile: str = "") -> str:
    """The user agent of Chrome, or of a browser that is built of it."""
    return (
        f"Mozilla/5.0 ({system}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{version}.0.0.0 {mobile}"
        f"Safari/537.36{suffix}"
    )


def safari(system: str, version: str, *, mobile: str = "") -> str:
    """The user agent of Safari."""
    end = "604.1" if mobile else "605.1.15"
    return f"Mozilla/5.0 ({system}) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/{version} {mobile}Safari/{end}"


def firefox(system: str, version: int) -> str:
    """The user agent of Firefox."""
    return f"Mozilla/5.0 ({system}; rv:{version}.0) Gecko/20100101 Firefox/{version}.0"


def iphone_system(version: str) -> str:
    """What an iPhone says of itself; its iOS has the number of its Safari."""
    return f"iPhone; CPU iPhone OS {version.replace('.', '_')} like Mac OS X"


PHONES = (
    *(Device(d, "iOS", safari(iphone_system(v), v, mobile="Mobile/15E148 ")) for d in IPHONES for v in SAFARI),
    *(Device(d, "Android", chrome("Linux; Android 10; K", v, mobile="Mobile ")) for d in ANDROIDS for v in CHROME),
)
"""Half of them by Apple: 30 and 42."""
DESKTOPS = (
    *(Device("Windows PC", "Windows", chrome(WINDOWS, v)) for v in CHROME),
    *(Device("Windows PC", "Windows", chrome(WINDOWS, v, suffix=f" Edg/{v}.0.0.0")) for v in CHROME),
    *(Device("Windows PC", "Windows", firefox(WINDOWS, v)) for v in FIREFOX),
    *(Device("MacBook", "macOS", safari(MACOS, v)) for v in SAFARI),
    *(Device("MacBook", "macOS", chrome(MACOS, v)) for v in CHROME),
    *(Device("Linux PC", "Linux", firefox("X11; Linux x86_64", v)) for v in FIREFOX[-2:]),
)  # fmt: skip
TABLETS = tuple(
    Device("iPad", "iPadOS", safari(f"iPad; CPU OS {v.replace('.', '_')} like Mac OS X", v, mobile="Mobile/15E148 "))
    for v in SAFARI
)
