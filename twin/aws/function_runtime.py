"""What a function's process runs: asks the Runtime API for an event, calls the handler, tells the result; again.

Run isolated (`python -I`): it sees its own package and what is installed, as in Lambda, and nothing of this checkout.
"""

import http.client
import importlib
import json
import os
import sys
import time
import traceback


class Context:
    """What Lambda hands to a handler beside the event."""

    def __init__(self, headers):
        self.aws_request_id = headers["Lambda-Runtime-Aws-Request-Id"]
        self.invoked_function_arn = headers["Lambda-Runtime-Invoked-Function-Arn"]
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = "$LATEST"
        self.memory_limit_in_mb = int(os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"])
        self.log_group_name = os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
        self._deadline_ms = int(headers["Lambda-Runtime-Deadline-Ms"])

    def get_remaining_time_in_millis(self):
        return max(0, self._deadline_ms - round(time.time() * 1000))


def main():
    host, _, prefix = os.environ["AWS_LAMBDA_RUNTIME_API"].partition("/")
    api = http.client.HTTPConnection(host)
    runtime = f"/{prefix}/2018-06-01/runtime"

    def send(method, path, body=None):
        api.request(method, runtime + path, body, {"Content-Type": "application/json"})
        answer = api.getresponse()
        return answer, answer.read()

    module, _, name = os.environ["_HANDLER"].rpartition(".")
    sys.path.insert(0, os.environ["LAMBDA_TASK_ROOT"])
    try:
        handler = getattr(importlib.import_module(module), name)
    except Exception as failed:
        traceback.print_exc()
        send("POST", "/init/error", failure(failed))
        return 1
    while True:
        answer, event = send("GET", "/invocation/next")
        if answer.status != 200:
            return 0
        call = answer.headers["Lambda-Runtime-Aws-Request-Id"]
        try:
            result = json.dumps(handler(json.loads(event), Context(answer.headers)))
        except Exception as failed:
            traceback.print_exc()
            send("POST", f"/invocation/{call}/error", failure(failed))
        else:
            send("POST", f"/invocation/{call}/response", result)


def failure(failed):
    trace = traceback.format_exception(failed)
    return json.dumps({"errorMessage": str(failed), "errorType": type(failed).__name__, "stackTrace": trace})


sys.exit(main())
