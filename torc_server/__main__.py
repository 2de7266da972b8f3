"""`python -m torc_server` is `torc-server`."""

from torc_server.main import main

main()
