"""A headless Chromium that tests talk to over a pipe, in its DevTools protocol."""

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess

import pytest

PATIENCE_S = 120


class HeadlessBrowser:
    """One page of a Chromium; use it as a context manager."""

    def __init__(self, profile):
        program = shutil.which('chromium') or shutil.which('google-chrome')
        if program is None:
            pytest.skip('no Chromium here to open the page with')
        self.events, self.count, self.received, self.session = [], 0, b'', None
        their_input, self.output = os.pipe()
        self.input, their_output = os.pipe()
        ends = [fcntl.fcntl(fd, fcntl.F_DUPFD, 10) for fd in (their_input, their_output)]
        command = [program, '--headless', '--no-sandbox', '--disable-gpu', '--no-first-run']
        command += ['--remote-debugging-pipe', f'--user-data-dir={profile}', 'about:blank']
        self.process = subprocess.Popen(
            command,
            close_fds=False,
            preexec_fn=lambda: [os.dup2(end, 3 + n) for n, end in enumerate(ends)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for fd in (their_input, their_output, *ends):
            os.close(fd)

    def __enter__(self):
        (target,) = [
            each['targetId']
            for each in self.call('Target.getTargets')['targetInfos']
            if each['type'] == 'page'
        ]
        attached = self.call('Target.attachToTarget', targetId=target, flatten=True)
        self.session = attached['sessionId']
        for domain in ('Page', 'Runtime', 'Network', 'Log'):
            self.call(f'{domain}.enable')
        return self

    def __exit__(self, *_):
        self.session = None
        self.call('Browser.close')
        self.process.wait(PATIENCE_S)
        os.close(self.input)
        os.close(self.output)

    def call(self, method, **parameters):
        """Send a command and return its result."""
        self.count += 1
        message = {'id': self.count, 'method': method, 'params': parameters}
        if self.session:
            message['sessionId'] = self.session
        os.write(self.output, json.dumps(message).encode() + b'\0')
        number = self.count
        while True:
            answer = self._next()
            if answer.get('id') == number:
                assert 'error' not in answer, (method, answer['error'])
                return answer['result']
            self.events.append(answer)

    def wait_for(self, method):
        """Return the next event of this name that was not taken yet."""
        while True:
            for event in self.events:
                if event['method'] == method and not event.get('taken'):
                    event['taken'] = True
                    return event['params']
            self.events.append(self._next())

    def open(self, address):
        self.call('Page.navigate', url=address)
        self.wait_for('Page.loadEventFired')

    def evaluate(self, expression):
        """Run JavaScript, await it, and return what it gives as JSON values."""
        result = self.call(
            'Runtime.evaluate', expression=expression, awaitPromise=True, returnByValue=True
        )
        assert 'exceptionDetails' not in result, result['exceptionDetails']
        return result['result'].get('value')

    def look(self, *, width, height, scheme):
        """Take the size and colour scheme of a device."""
        self.call(
            'Emulation.setDeviceMetricsOverride',
            **{'width': width, 'height': height, 'deviceScaleFactor': 1, 'mobile': width < 600},
        )
        features = [{'name': 'prefers-color-scheme', 'value': scheme}]
        self.call('Emulation.setEmulatedMedia', features=features)

    def screenshot(self, *, whole=True):
        """Return the page as PNG."""
        shot = self.call('Page.captureScreenshot', captureBeyondViewport=whole)
        return base64.b64decode(shot['data'])

    def complaints(self):
        """List what the browser objected to: exceptions, errors in the console, policies."""
        found = []
        for event in self.events:
            parameters = event.get('params', {})
            if event['method'] == 'Runtime.exceptionThrown':
                found.append(parameters['exceptionDetails'])
            elif event['method'] == 'Log.entryAdded':
                found.append(parameters['entry']['text'])
            elif event['method'] == 'Runtime.consoleAPICalled':
                found.append([each.get('value') for each in parameters['args']])
        return found

    def requests(self):
        """List the addresses that were asked for."""
        return [
            event['params']['request']['url']
            for event in self.events
            if event['method'] == 'Network.requestWillBeSent'
        ]

    def _next(self):
        while b'\0' not in self.received:
            ready, _, _ = select.select([self.input], [], [], PATIENCE_S)
            assert ready, 'the browser does not answer'
            part = os.read(self.input, 1 << 20)
            assert part, 'the browser ended'
            self.received += part
        message, _, self.received = self.received.partition(b'\0')
        return json.loads(message)
