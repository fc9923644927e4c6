"""The local server: one warm model for the browser's page, GIMP and scripts (contract 4).

`commands.demo` starts it; `server.build` makes the application, `api` has the `/v1/` routes,
`page` what a browser shows at `/`. FastAPI and Gradio are imported when a server starts.
"""
