pipeline "ci" {
  on "push" {}
  job "a" {
    image = "alpine:3.20"
    activity "x" {
      script = "true"
      env = {
        A = event.branch == 1
        B = event.commit == ["x"]
        C = run.id == "5" ? "a" : "b"
      }
    }
  }
}
