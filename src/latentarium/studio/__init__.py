"""The studio: a web page for exploring, comparing and training models, and its server.

Modules import only modules above them in this list, and sub-packages don't import each other
except in this order:

    errors              errors with a specific HTTP status
    protocol, redact    pure functions on frames and messages
    limiter             a queue for CPU-heavy requests
    process_ids         processes by their ids
    child_processes     commands that run in separate processes
    deployment          how the studio is reached: by a reverse proxy, below a path, in a frame
    security            ASGI middleware: host, origin, token, size limits, headers
    responses           HTTP responses: binary, streamed JSON lines
    preparation         prepares models in the background
    loaded_model        a model that the page shows, and its description
    registry            the models that the page shows, by number
    lab                 the 2-D lab
    samples, query      images drawn from a model; images supplied by the user
    compare             measurements of several models side by side
    training            runs and uploads: start, follow, pause, check
    services            everything that routes need, built once per application
    routes              one module per group of HTTP routes; new modules are found automatically
    server              the application
    serve               run the application and open the page
"""
