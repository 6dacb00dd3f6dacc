"""Reports about builds: sent by mail, to chats and to web services."""
