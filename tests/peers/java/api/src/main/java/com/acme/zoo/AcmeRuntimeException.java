package com.acme.zoo;

/** Thrown without being declared. */
public class AcmeRuntimeException extends RuntimeException {
    private static final long serialVersionUID = 1L;
    private String hint;

    public AcmeRuntimeException() {}

    public AcmeRuntimeException(String message) { super(message); }

    public AcmeRuntimeException(String message, String hint) {
        super(message);
        this.hint = hint;
    }

    public String getHint() { return hint; }
    public void setHint(String v) { hint = v; }
}
