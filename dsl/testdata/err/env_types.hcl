pipeline "ci" {
  on "push" {}
  job "a" {
    image = "alpine:3.20"
    activity "x" {
      script = "true"
      env = {
        LIST   = [1, 2]
        NULL   = null
        MAP    = { a = 1 }
        "A-B"  = "x"
        NUL    = "a\u0000b"
        FINE   = 5
        BOOL   = true
      }
    }
  }
}
