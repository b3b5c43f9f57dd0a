"""The flash sale's part of a run: pool, catalogue, stock, restocks, doubtful orders, books."""

from __future__ import annotations

import collections
import functools
import json
import random
import time
from typing import TYPE_CHECKING

import gevent
import psycogreen.gevent

from lakestorm.clients.audit import take_baseline
from lakestorm.clients.lookup import identify
from lakestorm.clients.pool import Pool
from lakestorm.clients.postgres import connect, open_backend, told_as_unreachable
from lakestorm.clients.purchases import ids_of, missing_columns, prepare, restock, set_stock
from lakestorm.errors import LakestormError, PlatformError, SettingsError
from lakestorm.load.measuring import Meter
from lakestorm.load.settling import settle
from lakestorm.load.stock_watch import UNITS, StockWatch
from lakestorm.load.transactions import Doubt, Intent, Transactions
from lakestorm.model.demand import Demand
from lakestorm.model.orders import LINES_MAX, RESTOCK_PROCESS
from lakestorm.model.shopping import Action, Sale
from lakestorm.record.manifest import write_text
from lakestorm.record.references import AcknowledgedLines
from lakestorm.verdict.ledger import ENTRIES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lakestorm.clients.postgres import Backend
    from lakestorm.clients.purchases import Line
    from lakestorm.load.part import RunContext
    from lakestorm.settings import Settings

NAMES = {Action.BUY: "PG order.buy", Action.VIEW: "PG item.view", Action.CANCEL: "PG order.cancel"}
SOLD_OUT = "PG order.sold_out"
RESTOCK = "PG item.restock"
SETTLE_S = 30.0
"""How long the drain waits for server processes that may still carry out what was sent."""
RETURNABLE = 10_000
"""Lines kept for cancelling; the oldest make room."""
OVERLAP_S = 0.1
ITEMS_MAX = 10**9


class FlashSale:
    """Purchases on finite stock."""

    name = "flashsale"

    def vocabulary(self) -> Mapping[str, frozenset[str]]:
        """The five request names, the ledger's entries, and what is read of the stock."""
        names = (*NAMES.values(), SOLD_OUT, RESTOCK, *(f"probe stock.{name}" for name in UNITS))
        return {**dict.fromkeys(names, frozenset()), "ledger": ENTRIES}

    def check(self, settings: Settings) -> dict[str, str]:
        """The database answers, has our tables with rows in them, takes our connections, and greenlets overlap."""
        return check_database(settings)

    def begin(self, context: RunContext) -> PurchaseRun:
        """Open the pool, set the stock, photograph the books."""
        with told_as_unreachable(context.settings.postgres):
            return PurchaseRun(context)


class PurchaseRun:
    """See RunPart. Shared by all shoppers of the process."""

    has_books = True

    def __init__(self, context: RunContext) -> None:
        self._context = context
        self._settings = context.settings
        self._role = role = context.role
        self._application = f"lakestorm {context.key.hex} {role.process}"
        self._pool = Pool(self._open, context.settings.postgres.pool_size if role.loads else 1)
        self._pool.fill()
        self._doubts: list[Doubt] = []
        self._numbers = 0
        self._beside: list[gevent.Greenlet] = []
        self._watch: StockWatch | None = None
        self.prefix = context.key.prefix(role.process)
        self.returnable: collections.deque[Line] = collections.deque(maxlen=RETURNABLE)
        self.acknowledged = AcknowledgedLines(context.folder / role.file("orders.bin"), context.key.hex, role.process)
        self.transactions = Transactions(
            self._pool,
            self._doubt,
            max_tries=self._settings.purchase.max_tries,
            skip_after_s=self._settings.purchase.skip_after_ms / 1e3,
        )
        self.meters = self._make_meters()
        backend = self._open()
        self.stock = self._photograph(backend) if role.leads else {}
        self.sale = self._sale(list(self.stock) or ids_of(backend, "items", ITEMS_MAX), ids_of(backend, "users"))
        backend.close()

    def start(self) -> None:
        """Begin to watch the stock, and to restock if asked to; one process does.

        A restock's lost answer hides nothing: the audit reads restocks from their table.
        """
        if not self._role.leads:
            return
        origin = self._context.clock_origin()
        hot_at, tell = self.sale.demand.hot_at, self._context.recorder.read
        self._watch = watch = StockWatch(self._open, hot_at, max(self.stock), tell, origin)
        self._beside = [gevent.spawn(watch.run)]
        if self._settings.flashsale.restock_every_s:
            self._beside.append(gevent.spawn(self._restock_for_ever))

    def stop(self) -> None:
        """Settle doubtful orders, write them down, close everything."""
        gevent.killall(self._beside)
        if self._watch is not None:
            self._watch.close()
        self._pool.close()
        unsettled = settle(self._doubts, self._open, self.prefix.reference, SETTLE_S)
        doubts = [[n, d.intent.cancels, d in unsettled] for d in self._doubts for n in d.intent.lines]
        write_text(self._context.folder / self._role.file("in_doubt.json"), json.dumps(doubts))
        self.acknowledged.close(self._numbers)

    def abandon(self) -> None:
        """Close what was opened."""
        self._pool.close()
        self.acknowledged.close(0)

    def next_number(self) -> int:
        """The first of the line numbers for one order."""
        number = self._numbers
        self._numbers += LINES_MAX if self.sale.basket else 1
        return number

    def ordered(self, items: Sequence[int], rng: random.Random) -> Sequence[int]:
        """Items in the order in which a basket locks them: ascending, or any, so that deadlocks can be seen."""
        if self._settings.purchase.lock_order == "sorted":
            return sorted(items)
        return rng.sample(items, len(items))

    def bought(self, lines: Sequence[Line]) -> None:
        """The database acknowledged these lines."""
        for line in lines:
            self.acknowledged.bought(line.number)
        self.returnable.append(lines[0])

    def _open(self) -> Backend:
        backend = open_backend(self._settings.postgres, self._application)
        prepare(backend)
        backend.identity = identify(backend)
        return backend

    def _doubt(self, doubt: Doubt) -> None:
        self._doubts.append(doubt)

    def _make_meters(self) -> dict[Action, Meter]:
        purchase = self._settings.purchase
        recorder, environment = self._context.recorder, self._context.environment
        late_after_s, closed = purchase.late_after_ms / 1e3, purchase.gen_every_ms == 0
        meters = {}
        for action, name in NAMES.items():
            refusals = SOLD_OUT if action is Action.BUY else None
            record = recorder.add(name, late_after_s=late_after_s, closed_loop=closed, refusals=refusals)
            meters[action] = Meter(record, environment, refusals)
        self._restock_meter = Meter(recorder.add(RESTOCK), environment)
        return meters

    def _photograph(self, backend: Backend) -> dict[int, int]:
        """Set the stock and write down the books as they are before the first request; {item: units}."""
        if self._settings.flashsale.stock is not None:
            set_stock(backend, self._settings.flashsale.stock)
        baseline = take_baseline(backend, self._context.key)
        write_text(self._context.folder / "baseline.json", baseline.to_json())
        return dict(baseline.stock)

    def _sale(self, items: list[int], users: Sequence[int]) -> Sale:
        """What is sold to whom; the same in every process."""
        purchase = self._settings.purchase
        items = sorted(items)
        random.Random(f"{self._settings.run.random_seed} popularity").shuffle(items)
        return Sale(
            demand=Demand.of(
                items,
                hot_items=purchase.hot_items,
                hot_share=purchase.hot_share,
                hot_moves_every_s=purchase.hot_moves_every_s,
                zipf=purchase.zipf,
            ),
            user_ids=users,
            mix=purchase.mix,
            doors_open_s=self._context.doors_open_s,
            basket=purchase.mode == "transaction",
        )

    def _restock_for_ever(self) -> None:
        prefix = self._context.key.prefix(RESTOCK_PROCESS)
        number = 0
        every_s = self._settings.flashsale.restock_every_s
        due = ended = self._context.clock_origin()
        while True:
            due += every_s
            gevent.sleep(max(0.0, due - time.perf_counter()))
            hot = self.sale.demand.hot_at(due - self._context.clock_origin())
            stock = [(item, self.stock[item]) for item in hot if self.stock[item]]
            references = [prefix.reference(number + i) for i in range(len(stock))]
            work = functools.partial(restock, stock=stock, references=references)
            _, ended = self.transactions.run(Intent(self._restock_meter, due, ended), work)
            number += len(stock)


def check_database(settings: Settings) -> dict[str, str]:
    """All checks before a run on the shop; the server's version. Raises what `Scenario.check` may."""
    psycogreen.gevent.patch_psycopg()
    with told_as_unreachable(settings.postgres):
        backend = connect(settings.postgres, application_name="lakestorm check", autocommit=True)
        version = backend.get_parameter_status("server_version") or "unknown"
        check_tables(backend)
        check_connections(backend, settings)
        backend.close()
        check_overlap(settings)
    return {"postgresql": version}


def check_tables(backend: Backend) -> None:
    """Refuse a database that lacks our tables, or has nothing to sell or nobody to sell to."""
    missing = missing_columns(backend)
    if missing:
        raise PlatformError(
            f"The database lacks {', '.join(missing)}. `python -m seed schema` makes the tables;"
            " `python -m seed schema --alter` adds columns to tables that are there."
        )
    empty = [table for table in ("users", "items") if not ids_of(backend, table, most=1)]
    if empty:
        raise PlatformError(f"Nothing stands in {' and '.join(empty)}. Run `python -m seed` first.")


def check_connections(backend: Backend, settings: Settings) -> None:
    """Refuse a pool that the server has no room for."""
    with backend.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int"
            " - (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')"
        )
        (room,) = cursor.fetchone() or (0,)
    size = settings.postgres.pool_size
    if size > room:
        raise SettingsError(
            [f'POSTGRES_POOL_SIZE is "{size}": the server has room for {room} more connections (max_connections).']
        )


def check_overlap(settings: Settings) -> None:
    """Prove that others run while a query waits for its answer; else every user would wait for every other."""
    backend = connect(settings.postgres, application_name="lakestorm check", autocommit=True)
    turns = 0
    with backend.cursor() as cursor:
        nap = gevent.spawn(cursor.execute, "SELECT pg_sleep(%s)", (OVERLAP_S,))
        while not nap.ready():
            gevent.sleep(OVERLAP_S / 10)
            turns += not nap.ready()
        nap.get()
    backend.close()
    if not turns:
        raise LakestormError("Queries of two greenlets do not overlap: psycopg2 is not patched for gevent.")
