"""Prints what pyHanko finds of each signature of a PDF: python3 pyhanko_check.py FILE AUTHORITY_PEM"""

import logging
import sys

from pyhanko.keys import load_cert_from_pemder
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko_certvalidator import ValidationContext

logging.disable(logging.CRITICAL)
authority = load_cert_from_pemder(sys.argv[2])
with open(sys.argv[1], "rb") as file:
    reader = PdfFileReader(file, strict=False)
    for signature in reader.embedded_signatures:
        context = ValidationContext(trust_roots=[authority], allow_fetching=False)
        status = validate_pdf_signature(signature, context, skip_diff=True)
        print(
            f"{signature.field_name} intact={status.intact} valid={status.valid} trusted={status.trusted} "
            f"coverage={status.coverage.name}"
        )
