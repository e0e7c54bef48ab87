"""The contract of a store: all rules in one class, to be run over any store by pytest or unittest."""

from __future__ import annotations

from .names import NameRules
from .processes import ProcessRules
from .records import RecordRules
from .turns import TurnRules
from .values import ValueRules


class StoreContract(ValueRules, NameRules, RecordRules, TurnRules, ProcessRules):
    """The definition of "a store that works", as tests to inherit. A store that passes keeps sign-ins safely.

    Each test keeps what it needs in namespaces of its own and removes it afterwards: the place may hold other
    things. Neither pytest nor any fixture is needed; with unittest, inherit from ``unittest.TestCase`` too.

    Attributes:
        persistent: Whether two objects from :meth:`open_store` see each other's entries; False for a store that
            ends with its object.
        process_opener: "module:function" that opens the same place in another process, so that turns between
            processes can be tested; None if no other process uses this store. It has to be set, unless the store
            is not persistent.
        process_arguments: Texts to call that function with.
        freed_within: Seconds after which the turn of a killed process has to be free again.

    Example::

        class TestRedisStore(StoreContract):
            process_opener = "my_package.redis_store:RedisStore"
            process_arguments = ("redis://localhost:6379/15",)

            def open_store(self):
                return RedisStore("redis://localhost:6379/15")

    Before and after each test, :meth:`prepare` and :meth:`clean_up` are called, for a folder or a server, say::

            def prepare(self):
                self.folder = tempfile.mkdtemp()
                self.process_arguments = (self.folder,)

            def clean_up(self):
                shutil.rmtree(self.folder)

    A pytest fixture that makes the place ends before ``teardown_method``, so it calls that itself, after ``yield``.
    """
