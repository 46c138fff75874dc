"""`python -m refresh`: refresh once. Exit code 0: published; 1: published data is as it was, and a line says why."""

from refresh.command import main

raise SystemExit(main())
