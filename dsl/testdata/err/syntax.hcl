pipeline "ci" {
  on "push" {
  job test {
    = 5
  }
}
