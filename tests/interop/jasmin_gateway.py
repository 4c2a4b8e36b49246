"""Jasmin in one process: a script for an interpreter that has jasmin, which ours has not.

Its argument is a JSON object: *config* is Jasmin's file, *user* and *password* are of its account.
Messages go to the SMSC at *smsc*, those to *to_bridge* to the bridge as a *client* of it; messages
from phones go to the URL *mo*, those to *get* by GET.  It prints when both connectors are bound.
"""

import json
import pickle
import sys

from jasmin.bin.jasmind import JasminDaemon, Options
from jasmin.protocols.rest import api
from jasmin.protocols.smpp.configs import SMPPClientConfig
from jasmin.routing.Filters import DestinationAddrFilter
from jasmin.routing.jasminApi import Group, HttpConnector, SmppClientConnector, User
from jasmin.routing.Routes import DefaultRoute, StaticMORoute, StaticMTRoute
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.web.server import Site
from twisted.web.wsgi import WSGIResource

PARTS = ("dlr-lookup", "dlr-thrower", "deliver-thrower")
given = json.loads(sys.argv[1])


async def start():
    options = Options()
    options.update({"config": given["config"], "disable-jcli": True})
    options.update({f"enable-{each}": True for each in PARTS})
    daemon = JasminDaemon(options)
    await daemon.start()
    route(daemon.components["router-pb-factory"])
    clients = daemon.components["smppcm-pb-factory"]
    await connect(clients, "smsc", given["smsc"], "jasmin", "any")
    await connect(clients, "bridge", given["bridge"], *given["client"])
    # version 0.11.0 has it as a constant
    sys.modules["jasmin.protocols.rest.api"].old_api_uri = f"http://127.0.0.1:{given['http']}"
    site = Site(WSGIResource(reactor, reactor.getThreadPool(), api))
    site.log = lambda request: None
    reactor.listenTCP(given["rest"], site, interface="127.0.0.1")
    print("jasmin is bound", flush=True)


def route(router):
    def add(verb, *arguments):
        value, *order = arguments
        assert getattr(router, f"perspective_{verb}_add")(pickle.dumps(value), *order), verb

    group = Group("bank")
    add("group", group)
    add("user", User("acme", group, given["user"], given["password"]))
    add("mtroute", DefaultRoute(SmppClientConnector("smsc")), 0)
    to_bridge = [DestinationAddrFilter(given["to_bridge"])]
    add("mtroute", StaticMTRoute(to_bridge, SmppClientConnector("bridge"), 0.0), 10)
    add("moroute", DefaultRoute(HttpConnector("posted", given["mo"], "POST")), 0)
    by_get = [DestinationAddrFilter(given["get"])]
    add("moroute", StaticMORoute(by_get, HttpConnector("got", given["mo"], "GET")), 10)


async def connect(clients, name, port, username, password):
    config = SMPPClientConfig(
        id=name,
        host="127.0.0.1",
        port=port,
        username=username,
        password=password,
        submit_sm_throughput=0,
    )
    assert await clients.perspective_connector_add(pickle.dumps(config))
    assert clients.perspective_connector_start(name)
    while clients.perspective_session_state(name) != "BOUND_TRX":
        await deferLater(reactor, 0.05)


def failed(failure):
    failure.printTraceback(sys.stderr)
    reactor.stop()


reactor.callWhenRunning(lambda: Deferred.fromCoroutine(start()).addErrback(failed))
reactor.run()
