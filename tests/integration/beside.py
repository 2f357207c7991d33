"""What goes on beside a test, until its block ends."""

import threading


class Beside(threading.Thread):
    """`run` goes on until `over` is set, which the end of the block does."""

    def __init__(self):
        super().__init__(daemon=True)
        self.over = threading.Event()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.join(10)
