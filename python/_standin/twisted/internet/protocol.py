"""Base classes of protocols; there is nothing here that would connect them."""


class BaseProtocol:
    connected = 0
    transport = None

    def makeConnection(self, transport):
        self.connected = 1
        self.transport = transport
        self.connectionMade()

    def connectionMade(self):
        pass


class Protocol(BaseProtocol):
    factory = None

    def dataReceived(self, data):
        pass

    def connectionLost(self, reason=None):
        pass


class ProcessProtocol(BaseProtocol):
    def childDataReceived(self, childFD, data):
        if childFD == 1:
            self.outReceived(data)
        elif childFD == 2:
            self.errReceived(data)

    def outReceived(self, data):
        pass

    def errReceived(self, data):
        pass

    def childConnectionLost(self, childFD):
        pass

    def processExited(self, reason):
        pass

    def processEnded(self, reason):
        pass


class Factory:
    protocol = None
    noisy = True

    def buildProtocol(self, addr):
        made = self.protocol()
        made.factory = self
        return made

    def doStart(self):
        self.startFactory()

    def doStop(self):
        self.stopFactory()

    def startFactory(self):
        pass

    def stopFactory(self):
        pass


class ClientFactory(Factory):
    def startedConnecting(self, connector):
        pass

    def clientConnectionFailed(self, connector, reason):
        pass

    def clientConnectionLost(self, connector, reason):
        pass


class ReconnectingClientFactory(ClientFactory):
    maxDelay = 3600
    initialDelay = 1.0


class ServerFactory(Factory):
    pass


class DatagramProtocol:
    pass
