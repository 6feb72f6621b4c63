// Not a module of its own: this line keeps the stand-ins out of ./... (see README.md here).
module std
