"""The XMPP client of other people: slixmpp with its plugin for XEP-0332.

Answers each HTTP request with an echo. A line of JSON on stdin makes it ask; what happens is told in lines of JSON.
"""

import asyncio
import json
import sys

import slixmpp

jid, password, host, port, ca_file = sys.argv[1:6]


def tell(**what):
    print(json.dumps(what), flush=True)


class Peer(slixmpp.ClientXMPP):
    def __init__(self):
        super().__init__(jid, password)
        self.ca_certs = ca_file
        self.auto_authorize = True
        self.auto_subscribe = False
        self.register_plugin('xep_0030')
        self.register_plugin('xep_0332')
        self.add_event_handler('session_start', self.on_start)
        self.add_event_handler('http_request', self.on_request)

    async def on_start(self, _event):
        self.send_presence()
        await self.get_roster()
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        self.lines = asyncio.ensure_future(self.read(reader))
        tell(event='online', jid=self.boundjid.full)

    async def read(self, reader):
        while line := await reader.readline():
            asyncio.ensure_future(self.ask(json.loads(line)))
        self.disconnect()

    async def ask(self, what):
        try:
            answer = await self['xep_0332'].send_request(
                to=what['to'], method=what['method'], resource=what['resource'],
                headers=what.get('headers', {}), data=what.get('body'), timeout=10)
            response = answer['http-resp']
            headers = {header.attrib['name']: header.text for header in answer.xml.iter('{http://jabber.org/protocol/shim}header')}
            tell(event='answer', id=what['id'], status=response['code'], body=response['data'], headers=headers)
        except slixmpp.exceptions.IqError as error:
            tell(event='refused', id=what['id'], condition=error.condition)
        except slixmpp.exceptions.IqTimeout:
            tell(event='timeout', id=what['id'])

    def on_request(self, iq):
        request = iq['http-req']
        headers = {header.attrib['name']: header.text for header in iq.xml.iter('{http://jabber.org/protocol/shim}header')}
        tell(event='asked', method=request['method'], resource=request['resource'], body=request['data'], headers=headers,
             **{'from': iq['from'].full})
        self['xep_0332'].send_response(
            to=iq['from'], id=iq['id'], code=201, message='Created',
            headers={'Content-Type': 'text/plain', 'X-By': 'slixmpp'}, data=request['data'] or '')


peer = Peer()
peer.connect((host, int(port)))
peer.process(forever=False)
