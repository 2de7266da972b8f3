"""What a browser sees that asks for anything but the interface."""

PAGE = b"""\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>torc server</title>
<h1>torc server</h1>
<p>This is the interface of a torc server for programs: <a href="/torc-service/v1/ping">ping</a>,
<a href="/torc-service/v1/version">version</a>, <a href="/torc-service/v1/openapi.json">OpenAPI document</a>.</p>
<p>To look at workflows, start <code>torc tui</code> in a terminal.</p>
</html>
"""
