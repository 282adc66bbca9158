"""An agent written with the official A2A SDK for Python, as a stranger's server in tests.

Prints one line of JSON with its address, and then serves until it is ended. It writes texts in capital letters; "slow N"
takes N seconds first, "ask" asks for input. Its card is signed with the key of the given seed.
"""

import asyncio
import base64
import json
import re
import socket
import sys

import uvicorn
from a2a.server.agent_execution import AgentExecutor
from a2a.server.request_handlers import DefaultRequestHandler
from a2a.server.routes import create_agent_card_routes, create_jsonrpc_routes, create_rest_routes
from a2a.server.tasks import InMemoryTaskStore, TaskUpdater
from a2a.types import AgentCapabilities, AgentCard, AgentInterface, AgentSkill, Part, Task, TaskState, TaskStatus
from a2a.utils.signing import create_agent_card_signer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

KID = 'python'


class Capitals(AgentExecutor):
    async def execute(self, context, event_queue):
        text = context.get_user_input()
        task = context.current_task or Task(
            id=context.task_id,
            context_id=context.context_id,
            status=TaskStatus(state=TaskState.TASK_STATE_SUBMITTED),
            history=[context.message],
        )
        await event_queue.enqueue_event(task)
        updater = TaskUpdater(event_queue, context.task_id, context.context_id)
        await updater.start_work()
        seconds = re.match(r'slow ([\d.]+) ', text)
        if seconds:
            await asyncio.sleep(float(seconds.group(1)))
            text = text[seconds.end():]
        if text == 'ask':
            return await updater.requires_input(updater.new_agent_message([Part(text='Which one?')]))
        words = text.upper().split(' ')
        for at, word in enumerate(words):
            piece = word if at == 0 else f' {word}'
            await updater.add_artifact(
                [Part(text=piece)], artifact_id='answer', append=at > 0, last_chunk=at == len(words) - 1
            )
        await updater.complete()

    async def cancel(self, context, event_queue):
        await TaskUpdater(event_queue, context.task_id, context.context_id).cancel()


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b'=').decode()


def main(seed: str) -> None:
    listener = socket.socket()
    listener.bind(('127.0.0.1', 0))
    url = f'http://127.0.0.1:{listener.getsockname()[1]}'
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed))
    card = AgentCard(
        name='Python agent',
        description='Writes texts in capital letters. Größe zählt.',
        version='1.0.0',
        supported_interfaces=[
            AgentInterface(url=f'{url}/rpc', protocol_binding='JSONRPC', protocol_version='1.0'),
            AgentInterface(url=f'{url}/rest', protocol_binding='HTTP+JSON', protocol_version='1.0'),
        ],
        capabilities=AgentCapabilities(streaming=True),
        default_input_modes=['text/plain'],
        default_output_modes=['text/plain'],
        skills=[AgentSkill(id='capitals', name='Capitals', description='Writes in capital letters.', tags=['text'])],
    )
    create_agent_card_signer(key, {'kid': KID, 'alg': 'EdDSA', 'jku': None, 'typ': 'JOSE'})(card)
    handler = DefaultRequestHandler(agent_executor=Capitals(), task_store=InMemoryTaskStore(), agent_card=card)
    x = encoded(key.public_key().public_bytes_raw())
    keys = {'keys': [{'kty': 'OKP', 'crv': 'Ed25519', 'kid': KID, 'alg': 'EdDSA', 'use': 'sig', 'x': x}]}
    # First: the routes of the SDK answer what they do not know themselves.
    routes = [
        Route('/.well-known/jwks.json', lambda _: JSONResponse(keys)),
        *create_agent_card_routes(card),
        *create_jsonrpc_routes(handler, '/rpc'),
        *create_rest_routes(handler, path_prefix='/rest'),
    ]
    print(json.dumps({'url': url}), flush=True)
    config = uvicorn.Config(Starlette(routes=routes), log_level='warning')
    uvicorn.Server(config).run(sockets=[listener])


main(sys.argv[1])
