/** An address as it may be shown: with `***` for the password, in a URL's authority or its parameters. */
export function maskPassword(address: string): string {
  return address
    .replace(/^([a-z+]+:\/\/[^:/?#@]*):[^@/]*@/i, "$1:***@")
    .replace(/([?&](?:password|sslpassword|token|key)=)[^&]*/gi, "$1***");
}
