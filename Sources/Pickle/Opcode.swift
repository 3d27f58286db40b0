/// The instructions of pickle protocols 0 to 5, each by its byte.
///
/// Source: CPython's `Lib/pickletools.py`, which documents them.
enum Opcode: UInt8 {
  // Marks and the stack.
  case mark = 0x28  // (
  case stop = 0x2E  // .
  case pop = 0x30  // 0
  case popMark = 0x31  // 1
  case duplicate = 0x32  // 2

  // Numbers and constants.
  case none = 0x4E  // N
  case newTrue = 0x88
  case newFalse = 0x89
  case integerLine = 0x49  // I
  case longLine = 0x4C  // L
  case integer4 = 0x4A  // J
  case integer1 = 0x4B  // K
  case integer2 = 0x4D  // M
  case long1 = 0x8A
  case long4 = 0x8B
  case doubleLine = 0x46  // F
  case double = 0x47  // G

  // Texts and bytes.
  case quotedLine = 0x53  // S
  case string4 = 0x54  // T
  case string1 = 0x55  // U
  case unicodeLine = 0x56  // V
  case unicode4 = 0x58  // X
  case unicode1 = 0x8C
  case unicode8 = 0x8D
  case bytes4 = 0x42  // B
  case bytes1 = 0x43  // C
  case bytes8 = 0x8E
  case byteArray8 = 0x96
  case nextBuffer = 0x97
  case readOnlyBuffer = 0x98

  // Containers.
  case emptyTuple = 0x29  // )
  case tuple = 0x74  // t
  case tuple1 = 0x85
  case tuple2 = 0x86
  case tuple3 = 0x87
  case emptyList = 0x5D  // ]
  case list = 0x6C  // l
  case append = 0x61  // a
  case appends = 0x65  // e
  case emptyDictionary = 0x7D  // }
  case dictionary = 0x64  // d
  case setItem = 0x73  // s
  case setItems = 0x75  // u
  case emptySet = 0x8F
  case addItems = 0x90
  case frozenSet = 0x91

  // Names, objects and calls.
  case global = 0x63  // c
  case stackGlobal = 0x93
  case reduce = 0x52  // R
  case build = 0x62  // b
  case instance = 0x69  // i
  case object = 0x6F  // o
  case newObject = 0x81
  case newObjectWithKeywords = 0x92
  case extension1 = 0x82
  case extension2 = 0x83
  case extension4 = 0x84
  case persistentLine = 0x50  // P
  case persistent = 0x51  // Q

  // The memo, and the file's own form.
  case getLine = 0x67  // g
  case get1 = 0x68  // h
  case get4 = 0x6A  // j
  case putLine = 0x70  // p
  case put1 = 0x71  // q
  case put4 = 0x72  // r
  case memoize = 0x94
  case protocolVersion = 0x80
  case frame = 0x95
}
