# Judges an image that lies unpacked or mounted in a directory: packer build -var root=/mnt/image unpacked.pkr.hcl
# The build ends here, as failed, where the image is not fit. Packer runs as root, or with sudo in the command.
variable "root" {
  type = string
}

variable "preflight" {
  type    = string
  default = "preflight"
}

# Nothing is built here. Where the image is built, the provisioner below comes last in that build.
source "null" "unpacked" {
  communicator = "none"
}

build {
  sources = ["source.null.unpacked"]

  provisioner "shell-local" {
    environment_vars = ["PREFLIGHT=${var.preflight}"]
    inline           = ["'${path.root}/judge-image' '${var.root}'"]
  }
}
