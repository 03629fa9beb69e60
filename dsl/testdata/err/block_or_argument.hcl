pipeline "ci" {
  on "push" {}
  job "a" {
    image = "alpine:3.20"
    agent = { labels = ["a=b"] }
    env { A = 1 }
    activity "x" { script = "true" }
  }
}
job "b" {}
