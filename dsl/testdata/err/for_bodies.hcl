pipeline "ci" {
  on "push" {}
  job "a" {
    image = "alpine:3.20"
    activity "x" {
      script = "true"
      env = {
        A = join(",", [for w in split(" ", event.message) : w.name])
        B = join(",", [for w in split(" ", event.message) : w + 1])
        C = "%{for w in split(" ", event.message)}${w.x}%{endfor}"
      }
    }
  }
}
