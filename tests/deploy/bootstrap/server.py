"""Serves a directory over https on port 443: server.py DIRECTORY PEM READY; the file READY is made when it listens."""
import functools
import http.server
import pathlib
import ssl
import sys

directory, pem, ready = sys.argv[1:]
handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=directory)
server = http.server.ThreadingHTTPServer(("127.0.0.1", 443), handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(pem)
server.socket = context.wrap_socket(server.socket, server_side=True)
pathlib.Path(ready).touch()
server.serve_forever()
