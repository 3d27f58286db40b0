import Datasets
import Testing

@Suite("Templates are the published ones")
struct TemplateTests {
  @Test(
    "each dataset has its zero-shot template, in any spelling of its name",
    arguments: [
      ("OxfordPets", "a photo of a {}, a type of pet."), ("oxford_pets", "a photo of a {}, a type of pet."),
      ("OxfordFlowers", "a photo of a {}, a type of flower."), ("flowers102", "a photo of a {}, a type of flower."),
      ("fgvc_aircraft", "a photo of a {}, a type of aircraft."), ("DescribableTextures", "{} texture."),
      ("dtd", "{} texture."), ("eurosat", "a centered satellite photo of {}."),
      ("Food101", "a photo of {}, a type of food."), ("food-101", "a photo of {}, a type of food."),
      ("UCF101", "a photo of a person doing {}."), ("Caltech101", "a photo of a {}."), ("SUN397", "a photo of a {}."),
      ("StanfordCars", "a photo of a {}."), ("ImageNet", "a photo of a {}."), ("openclipart", "a photo of a {}."),
    ])
  func zeroShot(dataset: String, text: String) {
    #expect(PromptTemplate.zeroShot(for: dataset).text == text)
  }

  @Test("the ensemble has seven templates, and the dataset's own outside ImageNet")
  func ensemble() {
    #expect(PromptTemplate.ensemble(for: "imagenet").map(\.text) == PromptTemplate.imageNetSeven.map(\.text))
    #expect(
      PromptTemplate.ensemble(for: "dtd").map(\.text) == [
        "itap of a {}.", "a bad photo of the {}.", "a origami {}.", "a photo of the large {}.",
        "a {} in a video game.", "art of the {}.", "a photo of the small {}.", "{} texture.",
      ])
  }

  @Test("class names become words in one way")
  func words() throws {
    #expect(PromptTemplate.photo.filled(with: "body_part") == "a photo of a body part.")
    #expect(try PromptTemplate("{}, {}!").filled(with: " road__sign ") == "road sign, road sign!")
    #expect(PromptTemplate.words(of: "colt's foot") == "colt's foot")
  }

  @Test("a template without a place for the name is an error")
  func withoutPlace() {
    #expect(
      explanation { try PromptTemplate("a photo") }
        == "The template 'a photo' has no place for the class name. Write {} where the name goes, as in 'a photo of a {}.'."
    )
  }
}
