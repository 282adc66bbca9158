"""One call with the official A2A client for Python; what comes is printed as JSON, one line each.

Arguments: the card's base URL, the binding, the user, the operation, and its parameters as JSON.
"""

import asyncio
import json
import sys

import httpx
from a2a.client import A2ACardResolver, ClientConfig, ClientFactory
from a2a.types import CancelTaskRequest, GetTaskRequest, ListTasksRequest, SendMessageRequest, SubscribeToTaskRequest
from google.protobuf.json_format import MessageToDict, ParseDict


def show(message):
    print(json.dumps(MessageToDict(message)), flush=True)


async def main(url, binding, user, operation, params):
    given = json.loads(params)
    async with httpx.AsyncClient(headers={"X-User-Id": user}, timeout=60) as http:
        card = await A2ACardResolver(http, url).get_agent_card()
        streaming = operation != "send"
        config = ClientConfig(httpx_client=http, streaming=streaming, supported_protocol_bindings=[binding])
        client = ClientFactory(config).create(card)
        if operation in ("send", "stream"):
            async for event in client.send_message(ParseDict(given, SendMessageRequest())):
                show(event)
        elif operation == "subscribe":
            async for event in client.subscribe(ParseDict(given, SubscribeToTaskRequest())):
                show(event)
        elif operation == "get":
            show(await client.get_task(ParseDict(given, GetTaskRequest())))
        elif operation == "list":
            show(await client.list_tasks(ParseDict(given, ListTasksRequest())))
        elif operation == "cancel":
            show(await client.cancel_task(ParseDict(given, CancelTaskRequest())))


try:
    asyncio.run(main(*sys.argv[1:]))
except Exception as error:  # the test judges it by its name
    print(json.dumps({"error": type(error).__name__, "message": str(error)}), flush=True)
    sys.exit(1)
