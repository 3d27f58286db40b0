/// One of n parts of a job, for processes that exchange nothing: 3/64, counted from 1.
public struct Shard: Sendable, Equatable, CustomStringConvertible {
  /// The part's number, in 1…``count``.
  public let number: Int
  public let count: Int

  /// The most parts of one job: each has a file of its own in one folder.
  public static let most = 1_000_000

  /// - Throws: ``ShardError`` where there is no such part.
  public init(_ number: Int, of count: Int) throws(ShardError) {
    guard (1...Self.most).contains(count) else {
      throw ShardError("There can be from 1 to \(Self.most) shards, found \(count)")
    }
    guard (1...count).contains(number) else {
      throw ShardError("There is no shard \(number)/\(count): they are 1/\(count) to \(count)/\(count)")
    }
    (self.number, self.count) = (number, count)
  }

  /// The shard's consecutive part of `total` elements; the parts of all shards differ by one element at most.
  public func range(of total: Int) -> Range<Int> { total.part(number - 1, of: count) }

  /// Whether the element at an index belongs to this shard where each takes every n-th one.
  public func takes(_ index: Int) -> Bool { index % count == number - 1 }

  public var description: String { "\(number)/\(count)" }
}

extension Int {
  /// Part `index`, from 0, of as many elements as this number says, divided into `count` consecutive parts whose sizes
  /// differ by one at most. Nothing overflows where `count` squared does not.
  package func part(_ index: Int, of count: Int) -> Range<Int> {
    func bound(_ parts: Int) -> Int { self / count * parts + self % count * parts / count }
    return bound(index)..<bound(index + 1)
  }
}

/// A part of a job that was asked for and does not exist.
public struct ShardError: UserFacingError, Equatable {
  public let problem: String
  public let remedy: String?

  package init(_ problem: String, remedy: String? = nil) { (self.problem, self.remedy) = (problem, remedy) }
}
