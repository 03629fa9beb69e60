pipeline "ci" {
  on "push" {}
  job "a" {
    image = "alpine:3.20"
    activity "x" {
      script = "true"
      env = {
        A = "5" + 1
        B = !event.branch
        C = run.id ? "a" : "b"
        D = event.branch > "a"
        E = event.kind == "push" ? event.branch + 1 : 2
        F = [1, 2]["0"]
      }
    }
  }
}
