"""How a person is asked: the loopback receiver, the pages, the browser, the application, and nobody."""
