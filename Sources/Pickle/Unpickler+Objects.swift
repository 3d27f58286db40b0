/// The instructions with which Python imports, makes objects and calls. Here each leaves a value, and nothing else
/// happens.
extension Unpickler {
  typealias Global = PickleValue.Global

  mutating func runCall(_ opcode: Opcode, at start: Int) throws {
    switch opcode {
    case .global:
      let module = try Self.text(reader.line())
      try push(global(module, Self.text(reader.line())))
    case .stackGlobal:
      let parts = try pop(2, start)
      guard case .atom(.string(let module)) = graph[parts[0]], case .atom(.string(let name)) = graph[parts[1]] else {
        throw unexpected("two texts that name a class", start)
      }
      try push(global(module, name))
    case .extension1: try push(global("copyreg", "extension\(reader.count(1))"))
    case .extension2: try push(global("copyreg", "extension\(reader.count(2))"))
    case .extension4: try push(global("copyreg", "extension\(reader.count(4))"))
    case .persistentLine: try push(.persistent(graph.add(.atom(.string(Self.text(reader.line()))))))
    case .persistent: try push(.persistent(pop(start)))
    case .instance:
      let type = try global(Self.text(reader.line()), Self.text(reader.line()))
      let arguments = try graph.add(sinceMark(start)) { .tuple($0) }
      try push(called(type, arguments))
    case .object:
      let parts = try sinceMark(start)
      guard let type = parts.first else { throw unexpected("a class", start) }
      let arguments = try graph.add(Array(parts.dropFirst())) { .tuple($0) }
      try push(called(type, arguments))
    case .reduce:
      let parts = try popCall(start)
      try push(called(parts.function, parts.arguments))
    case .newObject:
      let parts = try pop(2, start)
      try push(called(parts[0], parts[1]))
    case .newObjectWithKeywords:
      let parts = try pop(3, start)
      let arguments = try graph.add(Array(parts.dropFirst())) { .tuple($0) }
      try push(called(parts[0], arguments))
    default: try build(start)
    }
  }

  private mutating func global(_ module: String, _ name: String) throws -> ValueGraph.Reference {
    let global = Global(module, name)
    if global.isAttributeAccess {
      let reference = try graph.add(.atom(.global(global)), bytes: 128)
      attributeAccesses.insert(reference)
      return reference
    }
    return try add(global)
  }

  private mutating func add(_ global: Global) throws -> ValueGraph.Reference {
    guard !global.isDangerous else { throw PickleError.dangerous(path: path, global: global) }
    return try graph.add(.atom(.global(global)), bytes: 128 + global.module.utf8.count + global.name.utf8.count)
  }

  /// The result of `getattr`, `attrgetter` or `methodcaller`: Python pickles methods with them, such as `torch.relu`
  /// and `str.lower`. An attribute of a class or a module is a name of its own, and judged as a whole.
  private mutating func attribute(
    _ function: Global, _ arguments: ValueGraph.Reference
  ) throws -> ValueGraph.Reference {
    let parts: [ValueGraph.Reference] = if case .tuple(let parts) = graph[arguments] { parts } else { [] }
    func text(_ part: ValueGraph.Reference) throws -> String {
      guard case .atom(.string(let text)) = graph[part] else {
        throw PickleError.dangerous(path: path, global: function)
      }
      return text
    }
    guard function.name == "getattr" else {
      let names = try (function.name == "methodcaller" ? Array(parts.prefix(1)) : parts).map(text)
      guard !names.isEmpty, !names.contains(where: { Global.isDangerous(attribute: $0, of: nil) }) else {
        throw PickleError.dangerous(path: path, global: function)
      }
      return try graph.add(.object(type: function, arguments: arguments, state: nil, items: nil))
    }
    guard parts.count == 2 || parts.count == 3 else { throw PickleError.dangerous(path: path, global: function) }
    let name = try text(parts[1])
    switch graph[parts[0]] {
    case .atom(.global(let owner)): return try add(Global(owner.module, "\(owner.name).\(name)"))
    case .object(let type, _, _, _) where Global.isDangerous(attribute: name, of: type):
      throw PickleError.dangerous(path: path, global: Global(type.module, "\(type.name).\(name)"))
    case .object: break
    default:
      guard !Global.isDangerous(attribute: name, of: nil) else {
        throw PickleError.dangerous(path: path, global: function)
      }
    }
    return try graph.add(.object(type: function, arguments: arguments, state: nil, items: nil))
  }

  /// The result of a call: a container where the function is known to make one, an object otherwise.
  private mutating func called(
    _ function: ValueGraph.Reference, _ arguments: ValueGraph.Reference
  ) throws -> ValueGraph.Reference {
    switch graph[function] {
    case .atom(.global(let global)) where global.isAttributeAccess: return try attribute(global, arguments)
    case .atom(.global(let global)):
      let parts: [ValueGraph.Reference] = if case .tuple(let parts) = graph[arguments] { parts } else { [] }
      return try known(global, parts) ?? graph.add(.object(type: global, arguments: arguments, state: nil, items: nil))
    case .object(let type, _, _, _):  // the result of a call, which is called in turn
      let both = try graph.add([function, arguments]) { .tuple($0) }
      return try graph.add(.object(type: type, arguments: both, state: nil, items: nil))
    default:
      let unknown = Global("", "something without a name")
      return try graph.add(.object(type: unknown, arguments: arguments, state: nil, items: nil))
    }
  }

  /// The result of a function with which Python pickles its own containers, bytes and classes.
  private mutating func known(
    _ function: Global, _ arguments: [ValueGraph.Reference]
  ) throws -> ValueGraph.Reference? {
    switch (function.module, function.name) {
    case ("collections", "OrderedDict"), ("collections", "defaultdict"), ("collections", "Counter"),
      ("builtins", "dict"), ("__builtin__", "dict"):
      let contents = function.name == "defaultdict" ? arguments.dropFirst() : arguments[...]
      return try dictionary(of: contents.first)
    case ("builtins", "set"), ("__builtin__", "set"), ("builtins", "frozenset"), ("__builtin__", "frozenset"):
      return try sequence(of: arguments.first).flatMap { try graph.add($0) { .set($0) } }
    case ("builtins", "list"), ("__builtin__", "list"):
      return try sequence(of: arguments.first).flatMap { try graph.add($0) { .list($0) } }
    case ("builtins", "tuple"), ("__builtin__", "tuple"):
      return try sequence(of: arguments.first).flatMap { try graph.add($0) { .tuple($0) } }
    case ("_codecs", "encode"), ("codecs", "encode"): return try encoded(arguments)
    case ("builtins", "bytearray"), ("__builtin__", "bytearray"), ("builtins", "bytes"), ("__builtin__", "bytes"):
      return arguments.isEmpty ? try graph.add(.atom(.bytes([]))) : try encoded(arguments)
    case ("copyreg", "_reconstructor"), ("copy_reg", "_reconstructor"), ("copyreg", "__newobj__"),
      ("copy_reg", "__newobj__"), ("copyreg", "__newobj_ex__"):
      guard let type = arguments.first, case .atom(.global(let global)) = graph[type] else { return nil }
      let rest = try graph.add(Array(arguments.dropFirst())) { .tuple($0) }
      return try graph.add(.object(type: global, arguments: rest, state: nil, items: nil))
    default: return nil
    }
  }

  private mutating func dictionary(of contents: ValueGraph.Reference?) throws -> ValueGraph.Reference? {
    guard let contents else { return try graph.add(.dictionary([])) }
    if case .dictionary(let parts) = graph[contents] { return try graph.add(parts) { .dictionary($0) } }
    // Python 2 writes an ordered dictionary as a list of pairs.
    guard let pairs = try sequence(of: contents) else { return nil }
    var parts: [ValueGraph.Reference] = []
    for pair in pairs {
      guard let pair = try sequence(of: pair), pair.count == 2 else { return nil }
      parts += pair
    }
    return try graph.add(parts) { .dictionary($0) }
  }

  /// The elements of a list or tuple; none where there is no argument.
  private func sequence(of contents: ValueGraph.Reference?) throws -> [ValueGraph.Reference]? {
    guard let contents else { return [] }
    switch graph[contents] {
    case .list(let parts), .tuple(let parts), .set(let parts): return parts
    default: return nil
    }
  }

  /// The bytes that protocols 0 to 2 write as a text whose characters are the bytes.
  private mutating func encoded(_ arguments: [ValueGraph.Reference]) throws -> ValueGraph.Reference? {
    guard let first = arguments.first else { return nil }
    switch graph[first] {
    case .atom(.string(let text)):
      let bytes = text.unicodeScalars.compactMap { UInt8(exactly: $0.value) }
      guard bytes.count == text.unicodeScalars.count else { return nil }
      return try graph.add(.atom(.bytes(bytes)), bytes: 64 + bytes.count)
    case .atom(.bytes): return first
    default: return nil
    }
  }

  /// Gives an object its attributes. The attributes of a dictionary or another container are ignored, since nothing
  /// reads them.
  private mutating func build(_ start: Int) throws {
    let state = try pop(start)
    let target = try top(start)
    guard case .object(let type, let arguments, _, let items) = graph[target] else { return }
    graph.replace(target, by: .object(type: type, arguments: arguments, state: state, items: items))
  }
}
