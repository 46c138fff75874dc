"""A simulated company and servers that speak its vendors' wire formats, so that the real connectors run over HTTP.

Belongs here: the simulation, its truth, the servers, the command line that starts them. Does not: anything that
production code imports; nothing outside this package and the tests may import it.

    python -m sandbox run -- <command...>     start the servers, run the command against them
    python -m sandbox advance --days 1        let time pass
"""
