extension PickleValue.Global {
  /// Whether Python would let the file do harm through this name: run programs or code, or access files, the network or
  /// the interpreter.
  ///
  /// Nothing in a file is ever executed here, whatever it refers to. The list serves to tell the user that a file is an
  /// attack, and so it need not be complete. It must not accuse a file that keeps a harmless function, such as
  /// `torch.relu`.
  var isDangerous: Bool {
    guard !isHarmless else { return false }
    let path = name.split(separator: ".").map(String.init)
    guard let top = module.split(separator: ".").first.map(Self.plain) else {
      return path.contains { Self.functions.contains(Self.plain($0)) }
    }
    if Self.modules.contains(top) || Self.processModules.contains(top) { return true }
    if Self.builtinModules.contains(top), let first = path.first, Self.functions.contains(Self.plain(first)) {
      return true
    }
    if Self.named.contains(module) || Self.named.contains("\(module).\(name)") { return true }
    return Self.isDangerous(path: path, of: self)
  }

  /// Whether harm is possible only through some names that follow: calls of these functions are judged by their
  /// arguments.
  var isAttributeAccess: Bool {
    switch (module, name) {
    case ("builtins", "getattr"), ("__builtin__", "getattr"), ("operator", "attrgetter"), ("_operator", "attrgetter"),
      ("operator", "methodcaller"), ("_operator", "methodcaller"):
      true
    default: false
    }
  }

  /// Whether an attribute of an object of this class, or of an unknown class, gives a way to do harm.
  static func isDangerous(attribute: String, of type: PickleValue.Global?) -> Bool {
    let path = attribute.split(separator: ".").map(String.init)
    return path.isEmpty || isDangerous(path: ["an object"] + path, of: type)
  }

  /// Whether a path of attributes does harm although the class, object or module where it starts does not: `_os.system`
  /// of such a module is `os.system`.
  private static func isDangerous(path: [String], of type: PickleValue.Global?) -> Bool {
    if type?.module.hasPrefix("pathlib") == true, path.contains(where: fileMethods.contains) { return true }
    if type?.module.hasPrefix("pandas") == true, path.contains(where: ["eval", "query"].contains) { return true }
    for (index, part) in path.enumerated() {
      let name = plain(part)
      let isLast = index == path.count - 1
      if processModules.contains(name) || builtinModules.contains(name) || programs.contains(name) { return true }
      if isInner(part) { return true }
      if !isLast, modules.contains(name) { return true }
      // `open` of a module, whose name Python writes in lower case, opens a file; `Dataset.map` and `Module.eval`
      // don't.
      if isLast, index > 0, functions.contains(name), path[index - 1].first?.isLowercase == true,
        path[index - 1] != "an object"
      {
        return true
      }
    }
    return false
  }

  /// Whether an attribute leads into the interpreter: to a module, a namespace, a frame, or a class's bases.
  private static func isInner(_ name: String) -> Bool {
    guard name.hasPrefix("__"), name.hasSuffix("__") else { return frames.contains(name) }
    return !harmlessMethods.contains(String(name.dropFirst(2).dropLast(2)))
  }

  /// A name without its leading underscores: many modules refer to `os` as `_os`.
  private static func plain(_ name: some StringProtocol) -> String { String(name.drop { $0 == "_" }) }

  private var isHarmless: Bool {
    let whole = "\(module).\(name)"
    return Self.harmless.contains { $0.hasSuffix(".*") ? whole.hasPrefix($0.dropLast()) : whole == $0 }
  }

  // MARK: Lists

  private static func words(_ text: String) -> Set<String> {
    Set(text.split(separator: "\n").flatMap { $0.prefix { $0 != "#" }.split(separator: " ") }.map(String.init))
  }

  /// Modules that run programs, load code or access the system, by names that no function of another library has.
  private static let processModules = words(
    """
    os posix nt subprocess posixsubprocess winapi winreg sys socket shutil ctypes pty webbrowser  # the system
    importlib imp runpy pkgutil zipimport                                                         # the import system
    pickle cPickle marshal shelve dill cloudpickle                                                # further pickles
    popen2 multiprocessing rlcompleter
    """)

  /// Harmful modules whose names are also those of functions: `torch.trace` traces a matrix.
  private static let modules = words(
    """
    commands code codeop pdb bdb timeit trace cProfile profile doctest unittest                   # programs and code
    threading thread concurrent signal atexit asyncio                                             # processes
    gc inspect linecache site sysconfig platform faulthandler tracemalloc                         # the interpreter
    urllib urllib2 http httplib ftplib smtplib telnetlib poplib imaplib ssl requests httpx        # the network
    aiohttp paramiko xmlrpc socketserver selectors
    tempfile fileinput glob mmap fcntl resource sqlite3 joblib                                    # files
    pip ensurepip venv setuptools distutils pydoc idlelib antigravity                             # Python's own tools
    """)

  private static let builtinModules = words("builtins builtin__ builtins__")

  /// Functions of Python itself that do harm, alone or with their arguments.
  private static let functions = words(
    """
    eval exec execfile compile import__ reload apply                                              # code
    open file input raw_input breakpoint help                                                     # files, the terminal
    getattr setattr delattr globals locals vars                                                   # namespaces
    system popen
    """)

  /// Functions that run a program, whatever module has them.
  private static let programs = words("system popen execfile exec import__ check_output")

  /// Attributes in double underscores that are operators or texts.
  private static let harmlessMethods = words(
    """
    init new call name qualname doc version len getitem contains iter next reversed hash bool str repr format
    int float index abs neg pos invert round add sub mul matmul truediv floordiv mod pow and or xor lshift rshift
    radd rsub rmul rmatmul rtruediv rfloordiv rmod rpow rand ror rxor iadd isub imul
    eq ne lt le gt ge enter exit torch_function newobj newobj_ex
    """)

  /// Attributes of functions, generators and frames that lead to code and namespaces.
  private static let frames = words(
    """
    f_globals f_locals f_builtins f_back f_code func_globals func_code func_closure im_func im_self gi_frame gi_code
    cr_frame cr_code ag_frame ag_code tb_frame cell_contents mro
    """)

  /// Methods with which a path of `pathlib` accesses files.
  private static let fileMethods = words(
    """
    open write_text write_bytes read_text read_bytes unlink rmdir rename replace touch mkdir chmod lchmod symlink_to
    hardlink_to link_to
    """)

  /// Harmful functions in harmless modules, and modules of which every function is harmful.
  private static let named = words(
    """
    io.open io.open_code io.FileIO _io _io.open _io.open_code _io.FileIO codecs.open                           # files
    types.FunctionType types.CodeType types.LambdaType                                                         # code
    numpy.load numpy.fromfile numpy.memmap numpy.save numpy.savez numpy.savetxt numpy.testing._private.utils
    torch.load torch.serialization.load torch.save torch.serialization.save torch.jit.load torch.hub
    torch.utils.cpp_extension torch.utils.collect_env torch._inductor.codecache
    pandas.read_pickle pandas.io.pickle.read_pickle pandas.eval pandas.core.computation.eval.eval
    logging.FileHandler logging.config
    """)

  /// Harmless values of modules that are otherwise refused.
  private static let harmless = words(
    """
    signal.Signals http.HTTPStatus ssl.TLSVersion socket.AddressFamily socket.SocketKind os.PathLike
    inspect._ParameterKind inspect.Parameter inspect.Signature platform.uname_result urllib.parse.*
    requests.structures.CaseInsensitiveDict distutils.version.* setuptools._distutils.version.*
    joblib.numpy_pickle.NumpyArrayWrapper
    """)
}
