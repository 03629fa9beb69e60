pipeline "ci" {
  on "push" {}
  job "a" {
    image = "alpine:3.20"
    activity "x" {
      script = "true"
      env = {
        A = upper()
        B = upper("a", "b")
        C = join(",", event.branch)
        D = abs("5")
        E = length(5)
        F = element([], 0)
        G = sum(["a"])
        H = alltrue(true)
      }
    }
  }
}
