pipeline "ci" {
  on "push" {}
  job "a" {
    image = "alpine:3.20"
    activity "x" {
      script = "true"
      	env = { "名前" = "値", TAB	= evnet.x, "é̂x y" = 1 }
    }
  }
}
