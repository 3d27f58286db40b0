extension PickleValue.Global {
  /// Whether Python would give the file a way to do harm by this name: to run programs or code, to reach files, the
  /// network or the interpreter.
  ///
  /// Nothing of a file is ever run here, whatever it names. The list is there to tell a person whose file is an attack,
  /// and so it need not know every way.
  var isDangerous: Bool {
    let modulePath = module.split(separator: ".").map(Self.plain)
    let namePath = name.split(separator: ".").map(Self.plain)
    guard let top = modulePath.first else { return namePath.contains { Self.functions.contains($0) } }
    if Self.modules.contains(top) { return true }
    if Self.builtinModules.contains(top), namePath.contains(where: Self.functions.contains) { return true }
    if Self.named.contains(where: { $0.module == module && ($0.name == name || $0.name == "*") }) { return true }
    // A path of attributes: "_os.system" of a harmless module reaches the same function.
    return namePath.count > 1
      && namePath.contains { Self.modules.contains($0) || Self.functions.contains($0) || Self.inner.contains($0) }
  }

  /// A name without the underscores before it: `_os` is what many modules call `os`.
  private static func plain(_ name: Substring) -> String { String(name.drop { $0 == "_" }) }

  private static let modules: Set = [
    "os", "posix", "nt", "subprocess", "posixsubprocess", "winapi", "winreg", "sys", "socket", "shutil", "ctypes",
    "pty",
    "webbrowser", "importlib", "imp", "runpy", "commands", "popen2", "code", "codeop", "pdb", "bdb", "timeit", "trace",
    "cProfile", "profile", "pickle", "cPickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "urllib",
    "urllib2",
    "http", "httplib", "ftplib", "smtplib", "telnetlib", "poplib", "imaplib", "ssl", "requests", "httpx", "aiohttp",
    "paramiko", "asyncio", "multiprocessing", "threading", "thread", "concurrent", "signal", "atexit", "gc", "inspect",
    "linecache", "pkgutil", "zipimport", "site", "sysconfig", "platform", "pip", "ensurepip", "venv", "setuptools",
    "distutils", "pydoc", "idlelib", "doctest", "unittest", "tempfile", "fileinput", "glob", "mmap", "fcntl",
    "resource",
    "antigravity", "sqlite3", "xmlrpc", "socketserver", "selectors", "faulthandler", "tracemalloc", "rlcompleter",
  ]

  private static let builtinModules: Set = ["builtins", "builtin__", "builtins__"]

  private static let functions: Set = [
    "eval", "exec", "execfile", "compile", "open", "file", "import__", "reload", "getattr", "setattr", "delattr",
    "globals",
    "locals", "vars", "dir", "input", "raw_input", "breakpoint", "apply", "help", "memoryview", "classmethod", "map",
    "filter", "super", "system", "popen",
  ]

  /// What stands behind dotted names alone, without its underscores.
  private static let inner: Set = [
    "globals__", "builtins__", "subclasses__", "getattribute__", "dict__", "code__", "class__", "bases__",
    "mro__", "loader__", "spec__",
  ]

  private static let named: [(module: String, name: String)] = [
    ("io", "open"), ("io", "open_code"), ("io", "FileIO"), ("_io", "*"), ("codecs", "open"), ("types", "FunctionType"),
    ("types", "CodeType"), ("types", "LambdaType"), ("types", "MethodType"), ("operator", "attrgetter"),
    ("operator", "methodcaller"), ("_operator", "attrgetter"), ("_operator", "methodcaller"), ("functools", "reduce"),
    ("_functools", "reduce"), ("numpy", "load"), ("numpy", "fromfile"), ("numpy.testing._private.utils", "*"),
    ("torch", "load"), ("torch.serialization", "load"), ("torch.jit", "load"), ("torch.hub", "*"),
    ("torch.utils.cpp_extension", "*"), ("torch.utils.collect_env", "*"), ("torch._inductor.codecache", "*"),
    ("pandas", "read_pickle"), ("logging", "FileHandler"), ("logging.config", "*"),
  ]
}
