pipeline "ci" {
  on "push" {}
  job "a" {
    image = "alpine:3.20"
    activity "x" {
      script = "true"
      env = { A = length(setproduct(range(100), range(100), range(10))) }
    }
  }
}
