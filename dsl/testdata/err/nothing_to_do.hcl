pipeline "empty" {
  on "push" {}
}
pipeline "idle" {
  job "a" {}
}
